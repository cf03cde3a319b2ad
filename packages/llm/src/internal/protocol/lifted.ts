/**
 * Another library's `LanguageModel` as a provider: its calls of tools are handed on as they are, and its answers are given
 * in the encoded form that a chain reads.
 *
 * Guarded by `test/protocol/lifted.test.ts`.
 */
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Response from "effect/ai/Response"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { unsupported } from "../../ProviderFailure.ts"

/**
 * Tools that are not decoded here. The caller decodes their calls and, in the same fiber, provides the services of their schemas.
 */
type Declared = Tool.Tool<string, {
  readonly parameters: Schema.Unknown
  readonly success: Schema.Unknown
  readonly failure: Schema.Never
  readonly failureMode: "error"
}>
type Tools = Readonly<Record<string, Declared>>

const encodePart = Schema.encodeEffect(Response.Part())
const encodeStreamPart = Schema.encodeEffect(Response.StreamPart())

/** The tools as the model sees them. None is ever run here. */
const declared = (tools: ReadonlyArray<Tool.Any>): Toolkit.WithHandler<Tools> => ({
  tools: Object.fromEntries(tools.map((tool) => [tool.name, tool as unknown as Declared])),
  handle: (name) => Effect.die(new Error(`a lifted model resolved the call of "${name}", which it was told not to`))
})

const failure = (method: string, reason: AiError.AiErrorReason): AiError.AiError =>
  AiError.make({ module: "Provider.fromLanguageModel", method, reason })

/** A provider's error in its own stream, which it goes on from; here it is a failure. */
const errorPart = (error: unknown): AiError.AiError =>
  AiError.isAiError(error) ? error : failure(
    "streamText",
    new AiError.InternalProviderError({ description: `an error in the stream: ${String(error)}` })
  )

const incomplete = (method: string): AiError.AiError =>
  failure(
    method,
    new AiError.NetworkError({
      reason: "TransportError",
      method: "POST",
      url: "lifted",
      description: "the answer ended without a finish, so it may be incomplete"
    })
  )

const unreadable = (method: string) => (error: Schema.SchemaError): AiError.AiError =>
  failure(method, new AiError.InvalidResponseError({ description: `the answer cannot be encoded: ${error.message}` }))

/**
 * The value is asked for in the shape in which the chain will decode it, so that it does not matter how the model writes it
 * on its wire.
 */
const generateObject = (
  model: LanguageModel.LanguageModel,
  codecTransformer: LanguageModel.CodecTransformer,
  request: LanguageModel.ProviderOptions,
  format: Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>
) =>
  Effect.gen(function*() {
    const shape = yield* Effect.try({
      try: () => Schema.toEncoded(codecTransformer(format.schema).codec),
      catch: (error) =>
        failure(
          "generateText",
          new AiError.UnsupportedSchemaError({ description: error instanceof Error ? error.message : String(error) })
        )
    })
    const response = yield* model.generateObject({
      prompt: request.prompt,
      schema: shape as Schema.Codec<Schema.JsonObject>,
      objectName: format.objectName,
      toolkit: declared(request.tools),
      toolChoice: request.toolChoice,
      disableToolCallResolution: true,
      toolCallValidation: "deferred"
    })
    const said = Response.makePart("text", { text: JSON.stringify(response.value) })
    const first = response.content.findIndex((part) => part.type === "text")
    return response.content
      .map((part, index) => index === first ? said : part)
      .filter((part) => part === said || part.type !== "text")
  })

export const generateText = (
  model: LanguageModel.LanguageModel,
  codecTransformer: LanguageModel.CodecTransformer
) =>
(request: LanguageModel.ProviderOptions): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError> =>
  Effect.gen(function*() {
    const content = request.responseFormat.type === "json"
      ? yield* generateObject(model, codecTransformer, request, request.responseFormat)
      : (yield* model.generateText({
        prompt: request.prompt,
        toolkit: declared(request.tools),
        toolChoice: request.toolChoice,
        disableToolCallResolution: true,
        toolCallValidation: "deferred"
      })).content
    if (!content.some((part) => part.type === "finish")) return yield* incomplete("generateText")
    return yield* Effect.forEach(content, (part) => encodePart(part)).pipe(
      Effect.mapError(unreadable("generateText"))
    )
  })

export const streamText =
  (model: LanguageModel.LanguageModel) =>
  (request: LanguageModel.ProviderOptions): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> => {
    if (request.responseFormat.type === "json") {
      return Stream.fail(
        failure("streamText", unsupported("responseFormat", "a LanguageModel cannot stream structured output"))
      )
    }
    return Stream.suspend(() => {
      let finished = false
      return model.streamText({
        prompt: request.prompt,
        toolkit: declared(request.tools),
        toolChoice: request.toolChoice,
        disableToolCallResolution: true,
        toolCallValidation: "deferred"
      }).pipe(
        Stream.mapEffect((part) => {
          if (part.type === "error") return Effect.fail(errorPart(part.error))
          if (part.type === "finish") finished = true
          return Effect.mapError(encodeStreamPart(part), unreadable("streamText"))
        }),
        Stream.concat(
          Stream.suspend(() => finished ? Stream.empty : Stream.fail(incomplete("streamText")))
        )
      )
    })
  }
