/**
 * A conversation with a `LanguageModel`: takes messages, returns an answer and how it came about.
 *
 * **When to use**
 *
 * Use it for turns with tools, or to know who answered. `LanguageModel` runs the tools of one response and leaves the next request to
 * the caller; `ChatService` goes on until the model has answered, up to a limit.
 *
 * **Details**
 *
 * The answer says which provider and model gave it, after which attempts, which tools were called with which arguments, how long they
 * took and what the turn cost.
 *
 * - A turn is atomic. Its messages are added to the history together, at the end. A turn that fails or is interrupted leaves the
 *   history unchanged.
 * - Results of tools are kept. If the model fails after a tool has run, the failure is {@link TurnFailed}, and the next call continues
 *   from there. Reaching `maxToolIterations` is an outcome, not a failure.
 *
 * **Gotchas**
 *
 * A turn needs a user message. Without one, models invent it, so the turn fails with {@link NoUserMessage} before anything is sent.
 *
 * Invalid tool arguments are reported to the model if the tool's `failureMode` is `"return"`. If it is `"error"`, the turn fails with
 * an `AiError` whose reason is `ToolParameterValidationError`.
 *
 * **Example**
 *
 * See {@link layer}.
 */
import { check, integer, optional, struct } from "@holdfast/core/Arguments"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as ChainEvent from "./ChainEvent.ts"
import type { Answer, AnswerPart, Outcome, Request, Services, ToolCall } from "./internal/chat/answer.ts"
import { Turn } from "./internal/chat/chatTurn.ts"
import type { Failure } from "./internal/chat/failures.ts"
import { TurnFailed, unanswerable } from "./internal/chat/failures.ts"
import type { Tools as AnyTools } from "./internal/chat/toolTimings.ts"
import { timed } from "./internal/chat/toolTimings.ts"
import * as Setting from "./internal/config/environment.ts"

export { ToolCall } from "./internal/chat/answer.ts"
export type { Answer, AnswerPart, Outcome, Request, Services } from "./internal/chat/answer.ts"
export { isTurnFailed, NoUserMessage, TurnFailed } from "./internal/chat/failures.ts"
export type { Failure } from "./internal/chat/failures.ts"

/** Answers messages. */
export class ChatService extends Context.Service<ChatService, {
  /** Returns the complete answer. */
  readonly ask: <Tools extends Record<string, Tool.Any> = {}, E = never, R = never>(
    request: Request<Tools, E, R>
  ) => Effect.Effect<Answer, Failure<Tools> | E, Services<Tools> | R>

  /** Streams the parts of all iterations as they arrive. The last element is the complete {@link Answer}. */
  readonly stream: <Tools extends Record<string, Tool.Any> = {}, E = never, R = never>(
    request: Request<Tools, E, R>
  ) => Stream.Stream<Response.StreamPart<Tools, "opaque"> | AnswerPart, Failure<Tools> | E, Services<Tools> | R>
}>()("@holdfast/llm/ChatService") {}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/** Options of the service. */
export interface Options {
  /** How many times the tools of one turn may run: 1 or more. Default: 10. */
  readonly maxToolIterations?: number | undefined
}

const defaultMaxToolIterations = 10

const chatOptions = struct({ maxToolIterations: optional(integer({ min: 1 }), defaultMaxToolIterations) })

/** One turn of a history at a time. */
const turnsOf = new WeakMap<Ref.Ref<Prompt.Prompt>, Semaphore.Semaphore>()

const turns = (history: Ref.Ref<Prompt.Prompt>): Semaphore.Semaphore => {
  let semaphore = turnsOf.get(history)
  if (semaphore === undefined) turnsOf.set(history, semaphore = Semaphore.makeUnsafe(1))
  return semaphore
}

type AnyRequest = Request<AnyTools, unknown, unknown>

const noTools: Toolkit.WithHandler<AnyTools> = {
  tools: {},
  handle: (name) => Effect.die(new Error(`"${name}" was called, and there are no tools`))
}

/** Makes the service over the `LanguageModel` in context. Throws a `RangeError` for invalid options. */
export const make = (options?: Options): Effect.Effect<ChatService["Service"], never, LanguageModel.LanguageModel> => {
  const limit = check("ChatService.make", chatOptions, options ?? {}).maxToolIterations
  return Effect.gen(function*() {
    const model = yield* LanguageModel.LanguageModel
    const author = Option.getOrElse(yield* Effect.serviceOption(Model.ProviderName), () => "unknown")

    const begin = Effect.fnUntraced(function*(request: AnyRequest) {
      const { maxToolIterations } = check("ChatService", chatOptions, {
        maxToolIterations: request.maxToolIterations ?? limit
      })
      const startedAt = yield* Clock.currentTimeMillis
      const history = request.history === undefined ? Prompt.empty : yield* Ref.get(request.history)
      const turn = new Turn({ history, asked: Prompt.make(request.messages), maxToolIterations, author, startedAt })
      const nothing = unanswerable(turn.prompt)
      if (nothing !== undefined) return yield* nothing
      const toolkit = Effect.isEffect(request.toolkit) ? yield* request.toolkit : request.toolkit
      return { turn, toolkit: toolkit ?? noTools }
    })

    /** What the model is asked in this iteration. */
    const next = (request: AnyRequest, turn: Turn, toolkit: Toolkit.WithHandler<AnyTools>) => {
      const tell = (call: ToolCall) => {
        turn.toolCalls.push(call)
        // It must not be able to break the turn that it watches.
        try {
          request.onToolCall?.(call)
        } catch {}
      }
      return {
        prompt: turn.prompt,
        toolkit: timed(toolkit, turn.iteration, tell),
        toolChoice: turn.toolChoice(request.toolChoice),
        concurrency: request.concurrency
      }
    }

    /** Before any tool has run the failure is as it is. */
    const failed = (turn: Turn, method: string) => <E>(error: E): E | TurnFailed =>
      turn.rounds === 0 || !AiError.isAiError(error) ? error : new TurnFailed({
        module: "ChatService",
        method,
        reason: error.reason,
        failure: error,
        toolCalls: turn.toolCalls,
        messages: turn.messages
      })

    /** The turn is over: the history gains it at once. */
    const end = Effect.fnUntraced(function*(request: AnyRequest, turn: Turn, outcome: Outcome) {
      const answer = turn.answer(outcome, yield* Clock.currentTimeMillis)
      if (request.history !== undefined) {
        yield* Ref.update(request.history, (history) => Prompt.concat(history, answer.messages))
      }
      return answer
    })

    const ask = (request: AnyRequest) => {
      const asked = Effect.gen(function*() {
        const { toolkit, turn } = yield* begin(request)
        while (true) {
          const { content } = yield* model.generateText(next(request, turn, toolkit)).pipe(
            ChainEvent.observe(turn.observe),
            Effect.mapError(failed(turn, "ask"))
          )
          const outcome = turn.take(content)
          if (outcome !== undefined) return yield* end(request, turn, outcome)
        }
      })
      return request.history === undefined ? asked : turns(request.history).withPermits(1)(asked)
    }

    const stream = (request: AnyRequest) =>
      Stream.unwrap(Effect.gen(function*() {
        if (request.history !== undefined) yield* Semaphore.takeScoped(turns(request.history), 1)
        const { toolkit, turn } = yield* begin(request)

        type Element = Response.StreamPart<AnyTools, "opaque"> | AnswerPart
        const iterate: Stream.Stream<Element, unknown, unknown> = Stream.suspend(() => {
          const parts: Array<Response.AnyPart> = []
          const said = model.streamText(next(request, turn, toolkit)).pipe(
            Stream.updateService(ChainEvent.Observers, (observers) => [...observers, turn.observe]),
            Stream.mapError(failed(turn, "stream")),
            Stream.map((part): Element => {
              parts.push(part as Response.AnyPart)
              return part as Element
            })
          )
          const after = Effect.suspend(() => {
            const outcome = turn.take(parts)
            return outcome === undefined
              ? Effect.succeed(iterate)
              : Effect.map(
                end(request, turn, outcome),
                (answer) => Stream.succeed<Element>({ type: "answer", answer })
              )
          })
          return Stream.concat(said, Stream.unwrap(after))
        })
        return iterate
      }))

    // Inside, the tools are of any type. The signatures of the service give the caller their errors and requirements.
    return { ask, stream } as unknown as ChatService["Service"]
  })
}

/**
 * The layer of the service.
 *
 * ```ts import.meta.vitest
 * import { ChatService, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect, Layer, Schema } from "effect"
 * import { AiError, Chat, Tool, Toolkit } from "effect/ai"
 *
 * const tools = Toolkit.make(
 *   Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
 * )
 * const program = Effect.gen(function*() {
 *   const service = yield* ChatService.ChatService
 *   const chat = yield* Chat.empty
 *   const answer = yield* service.ask({ messages: "Coat or no coat?", history: chat.history, toolkit: tools })
 *   const [call] = answer.toolCalls
 *   return `${answer.provider} called ${call?.name} and says: ${answer.text}`
 * }).pipe(Effect.provide(tools.toLayer({ weather: () => Effect.succeed("clear, 4 degrees") })))
 *
 * const cloud = TestProvider.script("cloud", [TestProvider.failure(new AiError.QuotaExhaustedError({}))])
 * const ollama = TestProvider.script("ollama", [
 *   TestProvider.toolCall("weather", { city: "Oslo" }),
 *   TestProvider.text("Take a coat.")
 * ])
 * const Test = ChatService.layer().pipe(Layer.provide(ProviderChain.layer({ providers: [cloud, ollama] })))
 *
 * await Effect.runPromise(Effect.provide(program, Test)) // => "ollama called weather and says: Take a coat."
 * ```
 */
export const layer = (options?: Options): Layer.Layer<ChatService, never, LanguageModel.LanguageModel> =>
  Layer.effect(ChatService, make(options))

/**
 * The layer of the service with `LLM_MAX_TOOL_ITERATIONS`, a whole number of 1 or more, from the environment; `options`
 * count where it is not set. Fails with a `ConfigError` where it is something else.
 *
 * ```ts import.meta.vitest
 * import { ChatService, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const env = ConfigProvider.layer(ConfigProvider.fromUnknown({ LLM_MAX_TOOL_ITERATIONS: "none" }))
 * const Test = ChatService.layerConfig().pipe(Layer.provide([ProviderChain.layerNoop(TestProvider.script("cloud", [])), env]))
 *
 * const error = await Effect.runPromise(Effect.flip(Effect.provide(ChatService.ChatService, Test)))
 * error.message.includes("LLM_MAX_TOOL_ITERATIONS") // => true
 * ```
 */
export const layerConfig = (
  options?: Options
): Layer.Layer<ChatService, Config.ConfigError, LanguageModel.LanguageModel> =>
  Layer.effect(
    ChatService,
    Effect.gen(function*() {
      const limit = yield* Setting.wholeNumber("LLM_MAX_TOOL_ITERATIONS", 1)
      return yield* make(limit === undefined ? options : { maxToolIterations: limit })
    })
  )
