/** Whether the store of a fleet is there: part of a diagnosis. */
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { inOneLine } from "../terminal/paragraph.ts"
import type { Options } from "./progress.ts"
import { told } from "./progress.ts"

/** The store that the processes of a fleet share. Times are in milliseconds. */
export type StoreDiagnosis =
  /** No store is described: each process is on its own. */
  | { readonly _tag: "None" }
  | {
    readonly _tag: "Ready"
    /** Its URL, without user and password. */
    readonly url: string
    readonly server: "redis" | "valkey"
    readonly version: string | undefined
    readonly cluster: boolean
    readonly tls: boolean
    /** How long a step takes, and how long a chain waits for one. */
    readonly millis: number
    readonly timeout: number
  }
  | { readonly _tag: "Failed"; readonly url: string | undefined; readonly because: string }

const failed = (url: string | undefined, because: string): StoreDiagnosis => ({
  _tag: "Failed",
  url,
  because: inOneLine(because)
})

/** What the server has said, or why it could not be asked. */
const causeOf = ({ cause, message }: ChainStore.ChainStoreError): string =>
  cause instanceof Error && cause.message !== "" && cause.message !== message ? `${message}: ${cause.message}` : message

/** Connects as a chain would, and makes a step that leaves nothing behind. */
export const diagnose = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<StoreDiagnosis> {
  const settings = yield* Effect.result(ChainStore.settings)
  if (Result.isFailure(settings)) return failed(undefined, settings.failure.cause.message)
  if (settings.success === undefined) return { _tag: "None" }
  const { shown } = settings.success
  const inspected = Effect.flatMap(
    Effect.promise(() => import("@holdfast/llm/ChainStoreConfig")),
    ({ inspect }) => inspect
  )
  return yield* told(Effect.timeoutOption(inspected, options.timeout), "the store", options).pipe(
    Effect.map(Option.match({
      onNone: () => failed(shown, `no answer within ${Duration.format(options.timeout)}`),
      onSome: (found): StoreDiagnosis =>
        found === undefined ? { _tag: "None" } : {
          _tag: "Ready",
          url: found.shown,
          server: found.server,
          version: found.version,
          cluster: found.cluster,
          tls: found.tls,
          millis: Duration.toMillis(found.latency),
          timeout: Duration.toMillis(found.timeout)
        }
    })),
    Effect.catchTags({
      ChainStoreError: (error) => Effect.succeed(failed(shown, causeOf(error))),
      ConfigError: ({ cause }) => Effect.succeed(failed(undefined, cause.message))
    })
  )
})
