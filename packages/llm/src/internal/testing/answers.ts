/**
 * The answers that a scripted provider plays. `testing/TestProvider` exports them.
 *
 * Guarded by `test/ChatService.test.ts` and `test/laws.test.ts`.
 */
import * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Duration from "effect/Duration"
import { dual } from "effect/Function"

/** The next step of a scripted provider. */
export type Step =
  | { readonly _tag: "Part"; readonly part: Response.StreamPartEncoded }
  | { readonly _tag: "Delay"; readonly duration: Duration.Duration }
  | { readonly _tag: "Stall" }
  | { readonly _tag: "Usage"; readonly usage: typeof Response.Usage.Encoded }
  | { readonly _tag: "Fail"; readonly reason: AiError.AiErrorReason }

/** How a provider answers one request. */
export type Answer = ReadonlyArray<Step>

/**
 * An answer of exactly these stream parts. Leave out the `finish` to simulate a stream without its terminator.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * TestProvider.parts([{ type: "text-start", id: "t" }]) // => [{ _tag: "Part", part: { type: "text-start", id: "t" } }]
 * ```
 */
export const parts = (parts: ReadonlyArray<Response.StreamPartEncoded>): Answer =>
  parts.map((part) => ({ _tag: "Part", part }))

const finish = (reason: Response.FinishReason, tokens: number): Response.StreamPartEncoded => ({
  type: "finish",
  reason,
  usage: { inputTokens: { total: 10 }, outputTokens: { total: tokens } }
})

/**
 * A whole answer of text, a word a part. It costs 10 tokens in and a token a word out.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * TestProvider.text("Hello there").length // => 5
 * ```
 */
export const text = (text: string): Answer => {
  const words = text.match(/\S*\s*/g)?.filter((word) => word !== "") ?? []
  return parts([
    { type: "text-start", id: "text" },
    ...words.map((delta): Response.StreamPartEncoded => ({ type: "text-delta", id: "text", delta })),
    { type: "text-end", id: "text" },
    finish("stop", words.length)
  ])
}

/**
 * A whole answer that calls a tool. The call's id defaults to `call-` and the tool's name.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * TestProvider.toolCall("weather", { city: "Oslo" }).length // => 5
 * ```
 */
export const toolCall = (name: string, params: unknown, options?: { readonly id?: string | undefined }): Answer => {
  const id = options?.id ?? `call-${name}`
  return parts([
    { type: "tool-params-start", id, name },
    { type: "tool-params-delta", id, delta: JSON.stringify(params) },
    { type: "tool-params-end", id },
    { type: "tool-call", id, name, params },
    finish("tool-calls", 1)
  ])
}

/**
 * A failure before any part.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * TestProvider.failure(TestProvider.disconnected) // => [{ _tag: "Fail", reason: TestProvider.disconnected }]
 * ```
 */
export const failure = (reason: AiError.AiErrorReason): Answer => [{ _tag: "Fail", reason }]

/** The reason of a broken connection. */
export const disconnected: AiError.AiErrorReason = new AiError.NetworkError({
  reason: "TransportError",
  method: "POST",
  url: "http://test",
  description: "the connection was reset"
})

/**
 * An answer whose vendor reports usage at its start, as Anthropic does: so much input, and a token of output.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * TestProvider.reporting(TestProvider.text("one two"), 10)[0]?._tag // => "Usage"
 * ```
 */
export const reporting: {
  (input: number): (answer: Answer) => Answer
  (answer: Answer, input: number): Answer
} = dual(2, (answer: Answer, input: number): Answer => [
  { _tag: "Usage", usage: { inputTokens: { total: input }, outputTokens: { total: 1 } } },
  ...answer
])

/**
 * An answer that fails after its first `count` steps. The `reason` defaults to a broken connection.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * const broken = TestProvider.cut(TestProvider.text("one two"), 2)
 * broken.map((step) => step._tag) // => ["Part", "Part", "Fail"]
 * ```
 */
export const cut: {
  (count: number, reason?: AiError.AiErrorReason): (answer: Answer) => Answer
  (answer: Answer, count: number, reason?: AiError.AiErrorReason): Answer
} = dual(
  (args) => typeof args[0] !== "number",
  (answer: Answer, count: number, reason?: AiError.AiErrorReason): Answer => [
    ...answer.slice(0, count),
    { _tag: "Fail", reason: reason ?? disconnected }
  ]
)

/**
 * An answer that ends after its first `count` steps, without an error or the terminator, as if a proxy cut it.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * const proxied = TestProvider.truncate(TestProvider.text("one two"), 2)
 * proxied.map((step) => step._tag) // => ["Part", "Part"]
 * ```
 */
export const truncate: {
  (count: number): (answer: Answer) => Answer
  (answer: Answer, count: number): Answer
} = dual(2, (answer: Answer, count: number): Answer => answer.slice(0, count))

/**
 * An answer that stalls after its first `count` steps.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * const silent = TestProvider.stall(TestProvider.text("one two"), 1)
 * silent.map((step) => step._tag) // => ["Part", "Stall"]
 * ```
 */
export const stall: {
  (count: number): (answer: Answer) => Answer
  (answer: Answer, count: number): Answer
} = dual(2, (answer: Answer, count: number): Answer => [...answer.slice(0, count), { _tag: "Stall" }])

/**
 * An answer after a delay.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Duration } from "effect"
 *
 * const late = TestProvider.delay(TestProvider.text("one"), "3 seconds")
 * late[0] // => { _tag: "Delay", duration: Duration.seconds(3) }
 * ```
 */
export const delay: {
  (duration: Duration.Input): (answer: Answer) => Answer
  (answer: Answer, duration: Duration.Input): Answer
} = dual(2, (answer: Answer, duration: Duration.Input): Answer => [
  { _tag: "Delay", duration: Duration.fromInputUnsafe(duration) },
  ...answer
])

/**
 * An answer with a pause before each step.
 *
 * ```ts import.meta.vitest
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * const slow = TestProvider.pace(TestProvider.failure(TestProvider.disconnected), "3 seconds")
 * slow.map((step) => step._tag) // => ["Delay", "Fail"]
 * ```
 */
export const pace: {
  (duration: Duration.Input): (answer: Answer) => Answer
  (answer: Answer, duration: Duration.Input): Answer
} = dual(
  2,
  (answer: Answer, duration: Duration.Input): Answer =>
    answer.flatMap((step) => [{ _tag: "Delay" as const, duration: Duration.fromInputUnsafe(duration) }, step])
)
