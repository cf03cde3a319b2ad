/**
 * A chain as a `LanguageModel`: Effect's own, but for plain streams.
 *
 * Effect's `streamText` decodes each chunk by a schema that it makes for each request. For a stream without a toolkit that is
 * most of what a token costs in a chain. So such a stream is opened here: with the span of Effect's, its attributes and its
 * errors, and its parts are decoded as in `parts.ts`. Whatever else a request brings along is left to Effect: a toolkit, approvals,
 * a tracker of response ids, a transformer of spans, deferred validation.
 *
 * Guarded by `test/model/languageModel.test.ts`, which compares the two.
 */
import type * as AiError from "effect/ai/AiError"
import * as IdGenerator from "effect/ai/IdGenerator"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import { ResponseIdTracker } from "effect/ai/ResponseIdTracker"
import { CurrentSpanTransformer } from "effect/ai/Telemetry"
import * as Channel from "effect/Channel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { codecTransformer } from "../../Provider.ts"
import { generateText } from "../chain/generateText.ts"
import { open, streamText } from "../chain/streamText.ts"
import type { Chain } from "../compile/compile.ts"
import { onDemand } from "../onDemand.ts"
import { type Decoded, decoded } from "./parts.ts"

/** The chain for one request, and what is to be done at the request's end. */
export interface Entered {
  readonly chain: Pick<Chain, "members" | "settings">
  readonly leave: Effect.Effect<void> | undefined
}

const isTransformed = (context: Context.Context<never>): boolean =>
  Option.isSome(Context.getOption(context, CurrentSpanTransformer))

const isTracked = (context: Context.Context<never>): boolean =>
  Option.isSome(Context.getOption(context, ResponseIdTracker))

type Request = LanguageModel.GenerateTextOptions<{}>

/** Of a request without a toolkit. */
type StreamText = (request: Request) => Stream.Stream<Decoded, AiError.AiError>

/** Whether a prompt can be read twice and holds no answer to a request for approval. */
const isPlainPrompt = (prompt: Prompt.RawInput): boolean => {
  if (typeof prompt === "string") return true
  if (!Prompt.isPrompt(prompt)) return Array.isArray(prompt) && prompt.every((message) => message?.role !== "tool")
  return !prompt.content.some(({ content, role }) =>
    role === "tool" && content.some(({ type }) => type === "tool-approval-response")
  )
}

const isPlain = ({ prompt, toolCallValidation, toolkit }: Request): boolean =>
  toolkit === undefined && toolCallValidation !== "deferred" && isPlainPrompt(prompt)

export const modelOf = Effect.fnUntraced(
  function*(enter: () => Entered): Effect.fn.Return<LanguageModel.LanguageModel> {
    const own = yield* LanguageModel.make({
      codecTransformer,
      generateText: (request) =>
        Effect.suspend(() => {
          const { chain, leave } = enter()
          const answer = generateText(chain.members, chain.settings, request)
          return leave === undefined ? answer : Effect.ensuring(answer, leave)
        }),
      streamText: (request) =>
        Stream.suspend(() => {
          const { chain, leave } = enter()
          const parts = streamText(chain.members, chain.settings, request)
          return leave === undefined ? parts : Stream.ensuring(parts, leave)
        })
    })
    const around = yield* Effect.context<never>()
    const idGenerator = Option.getOrElse(
      Context.getOption(around, IdGenerator.IdGenerator),
      () => IdGenerator.defaultIdGenerator
    )

    const full = own.streamText as StreamText

    const plain = (request: Request, scope: Scope.Scope) =>
      Effect.flatMap(Effect.makeSpanScoped("LanguageModel.streamText", { kind: "client" }), (span) => {
        const { concurrency = "unbounded", prompt, toolChoice = "auto" } = request
        const options: LanguageModel.ProviderOptions = {
          prompt: Prompt.make(prompt),
          tools: [],
          toolChoice: "none",
          responseFormat: { type: "text" },
          span,
          previousResponseId: undefined,
          incrementalPrompt: undefined
        }
        span.attribute("gen_ai.output.type", "text")
        span.attribute(
          "effect.ai.tool_choice",
          typeof toolChoice === "string" ? toolChoice : JSON.stringify(toolChoice)
        )
        span.attribute("effect.ai.concurrency", concurrency)
        const { chain: { members, settings }, leave } = enter()
        const opened = open(members, settings, options, scope, decoded)
        return leave === undefined ? opened : Effect.andThen(Scope.addFinalizer(scope, leave), opened)
      })

    const plainOrFull: StreamText = (request) =>
      onDemand((scope) =>
        Effect.contextWith((context: Context.Context<never>) =>
          isPlain(request) && !isTransformed(around) && !isTransformed(context) && !isTracked(context)
            ? Effect.updateContext(
              plain(request, scope),
              (context: Context.Context<never>) =>
                Context.add(Context.add(context, IdGenerator.IdGenerator, idGenerator), Scope.Scope, scope)
            )
            : Effect.map(Channel.toPullScoped(Stream.toChannel(full(request)), scope), (pull) => () => pull)
        )
      )

    return { ...own, streamText: plainOrFull as LanguageModel.LanguageModel["streamText"] }
  }
)
