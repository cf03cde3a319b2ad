/**
 * A provider that plays a script: answers, failures, cuts at any part, delays and stalls.
 *
 * **When to use**
 *
 * Use it to test a program against an outage, without a network or a model.
 *
 * **Details**
 *
 * An answer is a list of steps. `streamText` plays them one by one; `generateText` plays them to the end and returns the whole. Time is
 * that of the `Clock` in context, so an hour of outage takes milliseconds under `TestClock`. It records every request.
 *
 * **Gotchas**
 *
 * A request that the script does not expect is a defect, because the test that sends it has found something.
 *
 * **Example**
 *
 * See {@link make}, {@link script} and {@link match}.
 */
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Answer, Step } from "../internal/testing/answers.ts"
import { report } from "../internal/usage/reported.ts"
import * as Provider from "../Provider.ts"

export {
  cut,
  delay,
  disconnected,
  failure,
  pace,
  parts,
  reporting,
  stall,
  text,
  toolCall,
  truncate
} from "../internal/testing/answers.ts"
export type { Answer, Step } from "../internal/testing/answers.ts"

/** Options of a scripted provider. */
export interface Options {
  /** Default: `"test"`. */
  readonly model?: string | undefined
  /** Default: `"cloud"`. */
  readonly location?: Provider.Location | undefined
  /** Where they differ from {@link Provider.defaultCapabilities}. Default: `{}`. */
  readonly capabilities?: Partial<Provider.Capabilities> | undefined
}

/** A provider that remembers. */
export interface TestProvider extends Provider.Provider {
  /** The requests that it received, in order. */
  readonly requests: ReadonlyArray<LanguageModel.ProviderOptions>
  /** The number of its answers that were closed: read to the end, failed or interrupted. */
  readonly closed: () => number
}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

const collectParts = (seen: ReadonlyArray<Response.StreamPartEncoded>): Array<Response.PartEncoded> => {
  const whole: Array<Response.PartEncoded> = []
  const said = (type: "text" | "reasoning") =>
    seen.flatMap((part) => part.type === `${type}-delta` && "delta" in part ? [part.delta] : []).join("")
  for (const part of seen) {
    switch (part.type) {
      case "text-start":
        whole.push({ type: "text", text: said("text") })
        break
      case "reasoning-start":
        whole.push({ type: "reasoning", text: said("reasoning") })
        break
      case "response-metadata":
      case "tool-call":
      case "tool-result":
      case "finish":
        whole.push(part)
        break
      default:
    }
  }
  return whole
}

/**
 * A provider whose answer to each request is up to a function: of the request, and of how many came before it.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const counting = TestProvider.make("cloud", (_, index) => Effect.succeed(TestProvider.text(`Answer ${index + 1}`)))
 * const ask = Effect.map(LanguageModel.generateText({ prompt: "Well?" }), (response) => response.text)
 * const program = Effect.all([ask, ask]).pipe(Effect.provide(ProviderChain.layerNoop(counting)))
 *
 * await Effect.runPromise(program) // => ["Answer 1", "Answer 2"]
 * ```
 */
export const make = (
  name: string,
  answer: (request: LanguageModel.ProviderOptions, index: number) => Effect.Effect<Answer>,
  options?: Options
): TestProvider => {
  const requests: Array<LanguageModel.ProviderOptions> = []
  let closed = 0

  const play = (method: string) => (step: Step): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> => {
    switch (step._tag) {
      case "Part":
        return Stream.succeed(step.part)
      case "Delay":
        return Stream.drain(Stream.fromEffect(Effect.sleep(step.duration)))
      case "Stall":
        return Stream.never
      case "Usage":
        return Stream.drain(Stream.fromEffect(report(step.usage)))
      case "Fail":
        return Stream.fail(AiError.make({ module: "TestProvider", method, reason: step.reason }))
    }
  }

  const respond = (
    request: LanguageModel.ProviderOptions,
    method: string
  ): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> =>
    Stream.unwrap(Effect.suspend(() => {
      const index = requests.push(request) - 1
      return Effect.map(answer(request, index), (steps) => Stream.flatMap(Stream.fromIterable(steps), play(method)))
    })).pipe(
      Stream.ensuring(Effect.sync(() => {
        closed++
      }))
    )

  return {
    name,
    model: options?.model ?? "test",
    location: options?.location ?? "cloud",
    capabilities: { ...Provider.defaultCapabilities, ...options?.capabilities },
    requests,
    closed: () => closed,
    generateText: (request) => Effect.map(Stream.runCollect(respond(request, "generateText")), collectParts),
    streamText: (request) => respond(request, "streamText"),
    preflight: Effect.void
  }
}

/**
 * A provider that gives these answers, one a request. Another request than these is a defect: a test that sends it has
 * found something.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const ollama = TestProvider.script("ollama", [TestProvider.text("Hi")], { location: "local" })
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(Effect.provide(ProviderChain.layerNoop(ollama)))
 *
 * const response = await Effect.runPromise(program)
 * response.text // => "Hi"
 * ollama.requests.length // => 1
 * ```
 */
export const script = (name: string, answers: ReadonlyArray<Answer>, options?: Options): TestProvider =>
  make(name, (_, index) => {
    const answer = answers[index]
    return answer === undefined
      ? Effect.die(
        new Error(
          `TestProvider "${name}" was sent request ${index + 1}, and its script has ${answers.length}: add an answer`
        )
      )
      : Effect.succeed(answer)
  }, options)

/** An answer for the requests that match. */
export interface Rule {
  /** Which requests: those whose last user's message holds this text or matches it, or those that pass the test. */
  readonly when: string | RegExp | ((request: LanguageModel.ProviderOptions) => boolean)
  readonly answer: Answer
}

const said = ({ prompt }: LanguageModel.ProviderOptions): string =>
  prompt.content.findLast((message) => message.role === "user")?.content
    .flatMap((part) => part.type === "text" ? [part.text] : []).join("") ?? ""

const applies = ({ when }: Rule, request: LanguageModel.ProviderOptions): boolean => {
  if (typeof when === "function") return when(request)
  return typeof when === "string" ? said(request).includes(when) : said(request).search(when) >= 0
}

/**
 * A provider whose answers go by the request: that of the first rule that applies, as often as it does. A request to which
 * none applies is a defect.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const cloud = TestProvider.match("cloud", [
 *   { when: /weather/i, answer: TestProvider.text("Clear") },
 *   { when: (request) => request.prompt.content.length > 1, answer: TestProvider.text("As I said") },
 *   { when: "", answer: TestProvider.text("I don't know") }
 * ])
 * const ask = (prompt: string) => Effect.map(LanguageModel.generateText({ prompt }), (response) => response.text)
 * const program = Effect.all([ask("Weather?"), ask("News?"), ask("The weather, then?")]).pipe(
 *   Effect.provide(ProviderChain.layerNoop(cloud))
 * )
 *
 * await Effect.runPromise(program) // => ["Clear", "I don't know", "Clear"]
 * ```
 */
export const match = (name: string, rules: ReadonlyArray<Rule>, options?: Options): TestProvider =>
  make(name, (request) => {
    const rule = rules.find((rule) => applies(rule, request))
    return rule === undefined
      ? Effect.die(new Error(`TestProvider "${name}" was asked ${JSON.stringify(said(request))}, and no rule applies`))
      : Effect.succeed(rule.answer)
  }, options)
