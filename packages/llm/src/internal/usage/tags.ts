/**
 * The tags of requests: for whom or what they are. `Usage` exports them.
 *
 * Guarded by `test/laws.test.ts`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"

/** Tags by name: `{ user: "42", tenant: "acme" }`. */
export type Tags = Readonly<Record<string, string>>

/** The tags in force. Default: none. */
export const CurrentTags: Context.Reference<Tags> = Context.Reference<Tags>("@holdfast/llm/Usage/CurrentTags", {
  defaultValue: () => ({})
})

const faultsOf = (tags: Tags): ReadonlyArray<string> =>
  Object.entries(tags).flatMap(([name, value]) =>
    name.trim() === ""
      ? ["a tag must have a name"]
      : typeof value !== "string" || value === ""
      ? [`${name} must be a text that is not empty, got ${JSON.stringify(value)}`]
      : []
  )

/**
 * Tags the requests of an effect, over the tags in force: for the ledger's entries, and for budgets by tag. Throws a `RangeError` that
 * lists every fault.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain, Usage } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const program = Effect.gen(function*() {
 *   yield* LanguageModel.generateText({ prompt: "Hello?" }).pipe(Usage.withTags({ user: "42" }))
 *   const ledger = yield* Usage.Ledger
 *   return yield* ledger.entries
 * }).pipe(
 *   Usage.withTags({ tenant: "acme" }),
 *   Effect.provide([
 *     ProviderChain.layer({ providers: [TestProvider.script("cloud", [TestProvider.text("Hi")])] }),
 *     Usage.layer()
 *   ])
 * )
 *
 * const [entry] = await Effect.runPromise(program)
 * entry?.tags // => { tenant: "acme", user: "42" }
 * ```
 */
export const withTags: {
  (tags: Tags): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, tags: Tags): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, tags: Tags): Effect.Effect<A, E, R> => {
  const faults = faultsOf(tags)
  if (faults.length > 0) throw new RangeError(`Usage.withTags: ${faults.join("; ")}`)
  return Effect.updateService(self, CurrentTags, (current) => ({ ...current, ...tags }))
})
