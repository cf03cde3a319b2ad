/** Whether this machine is online: part of a diagnosis. */
import * as Address from "@holdfast/llm/Address"
import * as Connectivity from "@holdfast/llm/Connectivity"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Options } from "./progress.ts"
import { timed, told } from "./progress.ts"

/** Whether this machine is online. */
export type Network =
  | { readonly _tag: "NotChecked" }
  | { readonly _tag: "Online" | "Offline"; readonly url: string; readonly millis: number }

/** Probes the network as a chain would. */
export const diagnose = Effect.fnUntraced(function*(options: Options) {
  const url = Option.getOrUndefined(yield* Config.option(Config.String("CONNECTIVITY_CHECK_URL")))
  const connectivity = yield* Connectivity.makeConfig()
  if (url === undefined || url.trim() === "") return { _tag: "NotChecked" as const }
  const probe = Effect.timeoutOrElse(connectivity.isOnline, {
    duration: options.timeout,
    orElse: () => Effect.succeed(false)
  })
  const { millis, result } = yield* timed(told(probe, "network", options))
  const online = Result.isSuccess(result) && result.success
  return { _tag: online ? "Online" as const : "Offline" as const, url: Address.show(url), millis }
})
