/**
 * The parameters of a request besides its prompt, in words that no vendor owns: temperature, the longest answer, effort and the like.
 *
 * **When to use**
 *
 * Use `with` for parameters of one request. Use the `parameters` of a provider for those of all its requests, and for
 * fields that only its vendor knows.
 *
 * **Details**
 *
 * Each provider writes them in its own words, over the `parameters` that it was made with. A parameter that a provider or its model
 * does not take is left out, told by the event `ParameterDropped`, and never ends a chain: a request that falls back from one vendor
 * to another keeps what both understand.
 *
 * **Gotchas**
 *
 * - Only numbers are checked, and only against limits that all vendors share: a temperature of 5 goes out, and its vendor rejects it.
 * - Embeddings do not read them.
 *
 * **Example**
 *
 * See `with`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"

/** The parameters of a request. A missing one is the provider's. */
export interface Parameters {
  /** How much chance is in the choice of words: 0 is the least. */
  readonly temperature?: number | undefined
  /** Only the likeliest words whose probabilities add up to this are chosen from. */
  readonly topP?: number | undefined
  /** The most tokens of an answer, thoughts included where the vendor counts them so. */
  readonly maxOutputTokens?: number | undefined
  /** Texts that end an answer. */
  readonly stop?: ReadonlyArray<string> | undefined
  /** The same seed asks for the same answer; no vendor promises it. */
  readonly seed?: number | undefined
  /** How much a model thinks. */
  readonly effort?: "minimal" | "low" | "medium" | "high" | undefined
  /** The most tokens of thoughts. */
  readonly thinkingBudget?: number | undefined
  /** How a request is served: cheaper and later, or dearer and sooner. */
  readonly serviceTier?: "flex" | "standard" | "priority" | undefined
  /** Requests with one key share a cache of their beginnings. */
  readonly promptCacheKey?: string | undefined
  /** Who the request is for, as an id that tells nothing of them. */
  readonly user?: string | undefined
  /** Remarks that the vendor keeps with the request. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** The parameters in force. Default: none. */
export const Current: Context.Reference<Parameters> = Context.Reference<Parameters>(
  "@holdfast/llm/Parameters/Current",
  {
    defaultValue: () => ({})
  }
)

/** The least that is wrong with parameters, with the path. */
const faults = (parameters: Parameters): ReadonlyArray<string> => {
  const number = (name: keyof Parameters, what: string, isValid: (value: number) => boolean): ReadonlyArray<string> => {
    const value = parameters[name]
    return value === undefined || (typeof value === "number" && isValid(value))
      ? []
      : [`${name} must be ${what}, got ${JSON.stringify(value)}`]
  }
  const whole = (value: number) => Number.isInteger(value) && value >= 1
  return [
    ...number("temperature", "a number of 0 or more", (value) => value >= 0 && value < Infinity),
    ...number("topP", "a number from 0 to 1", (value) => value >= 0 && value <= 1),
    ...number("maxOutputTokens", "a whole number of 1 or more", whole),
    ...number("seed", "a whole number", Number.isInteger),
    ...number("thinkingBudget", "a whole number of 1 or more", whole)
  ]
}

/**
 * Runs an effect with parameters, over those in force. Throws a `RangeError` that lists every fault.
 *
 * ```ts import.meta.vitest
 * import { Parameters } from "@holdfast/llm"
 * import { Effect } from "effect"
 *
 * const program = Parameters.Current.pipe(
 *   Parameters.with({ temperature: 0 }),
 *   Parameters.with({ temperature: 1, maxOutputTokens: 100 })
 * )
 *
 * await Effect.runPromise(program) // => { temperature: 0, maxOutputTokens: 100 }
 * ```
 */
const with_: {
  (parameters: Parameters): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, parameters: Parameters): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, parameters: Parameters) => {
  const wrong = faults(parameters)
  if (wrong.length > 0) throw new RangeError(`Parameters.with: ${wrong.join("; ")}`)
  return Effect.updateService(self, Current, (current) => ({ ...current, ...parameters }))
})

export { with_ as with }
