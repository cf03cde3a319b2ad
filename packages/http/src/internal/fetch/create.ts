/**
 * How a fetcher comes about, within a program of Effect and without.
 *
 * Guarded by `test/fetch/clients.test.ts` and `test/fetch/contract.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Logger from "effect/Logger"
import type * as HttpPolicy from "../../HttpPolicy.ts"
import { timer } from "../timer.ts"
import { type Client, Fetcher } from "./fetcher.ts"

/** Options, each read once: getters may throw, and not only the policy has options here. */
export const read = <O extends object>(where: string, options: O): O =>
  Arguments.check(where, Arguments.record((option) => option), options) as O

/**
 * A fetcher that runs its calls in the context in which it is made. `isBare` says that there is no `fetch` below the
 * client.
 */
export const fetcher = (client: Client, options: HttpPolicy.Options, isBare = false): Effect.Effect<Fetcher> =>
  Effect.gen(function*() {
    const total = options.timeouts?.total
    return new Fetcher(client, {
      baseUrl: options.baseUrl,
      total: total === undefined || total === false ? undefined : timer(total, new Arguments.Place()),
      context: yield* Effect.context<never>(),
      platform: yield* FetchHttpClient.Fetch,
      isBare
    })
  })

/**
 * What a program without Effect provides. Its requests carry no trace headers: nothing collects what they would lead to,
 * and a browser would ask every server whether it may send them. It logs nothing: what a program writes to its standard
 * output is its own.
 */
export const withoutEffect = (platform: typeof globalThis.fetch) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.provideService(Logger.CurrentLoggers, new Set()),
    Effect.provideService(FetchHttpClient.Fetch, platform)
  )

/** Gives a fetch the means to close it. */
export const closable = (fetcher: Fetcher, close: () => Promise<void>) => {
  let closing: Promise<void> | undefined
  const end = () => {
    fetcher.close()
    return closing ??= close()
  }
  return Object.assign((input: string | URL | Request, init?: RequestInit) => fetcher.fetch(input, init), {
    close: end,
    [Symbol.asyncDispose]: end
  })
}
