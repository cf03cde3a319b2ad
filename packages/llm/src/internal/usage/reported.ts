/**
 * What a vendor reports of an attempt's usage, as it comes: at the start of a stream (Anthropic), on every piece of it (Gemini, and
 * some servers of chat completions), or at its end. The reader of an answer tells where its counts are, and the chain reads them when
 * the attempt has ended, however it ended; so a stream pays nothing for it.
 *
 * Guarded by `test/usage/reported.laws.test.ts` and `test/budget/money.laws.test.ts`.
 */
import * as Response from "effect/ai/Response"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { count, text } from "../protocol/field.ts"

/** What has a price of its own, and no place in a usage. Counts are of tokens; what the vendor does not tell is missing. */
export interface Details {
  /** Of the cache writes, those for an hour or longer (Anthropic, Bedrock, OpenAI). */
  readonly cacheWriteHour?: number | undefined
  /** Of the input, sound. */
  readonly inputAudio?: number | undefined
  /** Of the cache reads, sound. */
  readonly cacheReadAudio?: number | undefined
  /** Of the input, images. */
  readonly inputImage?: number | undefined
  /** Of the output, sound. */
  readonly outputAudio?: number | undefined
  /** Of the output, images. */
  readonly outputImage?: number | undefined
  /** The tier that served the request, if not the standard one: `flex`, `priority`, `batch`. */
  readonly tier?: string | undefined
  /** The region that served the request, where that has a price: `us` (Anthropic). */
  readonly region?: string | undefined
}

/** The counts that have come so far. */
export interface Counts {
  readonly usage: typeof Response.Usage.Encoded
  readonly details?: Details | undefined
  /** Whether the answer goes on, so that these may not be all. */
  readonly partial: boolean
}

/** What a provider has reported of an attempt that has ended. */
export interface Reported {
  /** `undefined` if the provider reported nothing. */
  readonly usage: Response.Usage | undefined
  readonly details?: Details | undefined
  /** The answer ended before its usage was complete: the counts are those reported until then, and the bill may be higher. */
  readonly partial?: true | undefined
}

/** A count that says something: zeros are left out. */
export const positive = (value: unknown): number | undefined => count(value) || undefined

/** The tier that a vendor names, if it is not its standard one. */
export const tierOf = (value: unknown): string | undefined => {
  const tier = text(value)?.toLowerCase()
  return tier === undefined || standard.has(tier) ? undefined : tier
}

const standard: ReadonlySet<string> = new Set(["standard", "default", "auto", "on_demand", "standard_only"])

type Read = () => Counts | undefined

/** Told where the counts of an answer are, as soon as it is read. */
export const ReportedUsage: Context.Reference<((read: Read) => void) | undefined> = Context.Reference<
  ((read: Read) => void) | undefined
>("@holdfast/llm/ReportedUsage", { defaultValue: () => undefined })

/**
 * Tells the chain what a vendor has reported of an answer so far: for a provider of your own, whose stream may break off before its
 * `finish`. The latest call counts, until the `finish` takes its place. Outside of a chain it does nothing.
 *
 * ```ts import.meta.vitest
 * import { Provider, ProviderChain, Usage } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect, Stream } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const cut = TestProvider.script("mine", [TestProvider.failure(TestProvider.disconnected)])
 * const mine: Provider.Provider = {
 *   ...cut,
 *   streamText: (request) =>
 *     Stream.unwrap(Effect.as(
 *       Usage.report({ inputTokens: { total: 12 }, outputTokens: { total: 1 } }),
 *       cut.streamText(request)
 *     ))
 * }
 * const program = Effect.gen(function*() {
 *   yield* Effect.ignore(Stream.runDrain(LanguageModel.streamText({ prompt: "Hello?" })))
 *   const ledger = yield* Usage.Ledger
 *   return yield* ledger.entries
 * }).pipe(Effect.provide([ProviderChain.layer({ providers: [mine], retry: false }), Usage.layer()]))
 *
 * const [entry] = await Effect.runPromise(program)
 * entry?.inputTokens // => 12
 * entry?.partial // => true
 * ```
 */
export const report = (usage: typeof Response.Usage.Encoded, details?: Details): Effect.Effect<void> =>
  Effect.map(ReportedUsage, (tell) => tell?.(() => ({ usage, details, partial: true })))

/** A count of tokens: whole, not negative, and exact as a number. A provider's estimate is rounded up. */
const exact = (value: number | undefined): number | undefined => {
  const whole = value === undefined ? NaN : Math.ceil(value)
  return Number.isSafeInteger(whole) && whole >= 0 ? whole : undefined
}

const exactly = <A extends Readonly<Record<string, number | undefined>>>(counts: A): A =>
  Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, exact(value)])) as A

const toUsage = ({ inputTokens, outputTokens }: typeof Response.Usage.Encoded): Response.Usage =>
  // Each count has been checked.
  new Response.Usage({ inputTokens: exactly(inputTokens), outputTokens: exactly(outputTokens) }, {
    disableChecks: true
  })

const isEmpty = (details: Details | undefined): boolean =>
  details === undefined || Object.values(details).every((value) => value === undefined)

/** The usage of one attempt. */
export class Meter {
  private read: Read | undefined
  private finish: Response.FinishPartEncoded | undefined

  /** The answer is read from here on. */
  readonly follow = (read: Read): void => {
    this.read = read
  }

  /** The answer has told its usage and its end. */
  finished(finish: Response.FinishPartEncoded): void {
    this.finish = finish
  }

  get reported(): Reported {
    const counts = this.read?.()
    const usage = this.finish?.usage ?? counts?.usage
    if (usage === undefined) return { usage: undefined }
    const details = counts?.details
    return {
      usage: toUsage(usage),
      ...(!isEmpty(details) && { details }),
      ...(this.finish === undefined && counts?.partial === true && { partial: true as const })
    }
  }
}
