import * as ChatService from "@holdfast/llm/ChatService"
import type { AiError } from "effect/ai/AiError"
import type { LanguageModel } from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type { ConfigError } from "effect/Config"
import type * as Effect from "effect/Effect"
import type { Layer } from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { describe, expect, test } from "tstyche"

const chat = {} as ChatService.ChatService["Service"]

const Weather = Tool.make("weather", {
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String,
  failure: Schema.Literal("no sensor"),
  failureMode: "return"
})
const Charge = Tool.make("charge", { failure: Schema.Literal("no funds") })
const telling = Toolkit.make(Weather)
const failing = Toolkit.make(Weather, Charge)
type Tools = Toolkit.Tools<typeof failing>

describe("ask", () => {
  test("without tools, needs nothing and fails with the model's errors or NoUserMessage", () => {
    expect(chat.ask({ messages: "hello" })).type.toBe<
      Effect.Effect<ChatService.Answer, AiError | ChatService.NoUserMessage>
    >()
  })

  test("needs the handlers of its tools, and fails with the errors of tools that fail a turn", () => {
    expect(chat.ask({ messages: "hello", toolkit: telling })).type.toBe<
      Effect.Effect<
        ChatService.Answer,
        AiError | ChatService.NoUserMessage,
        Tool.HandlersFor<{ readonly weather: typeof Weather }>
      >
    >()
    const asked = chat.ask({ messages: "hello", toolkit: failing })
    expect<Effect.Error<typeof asked>>().type.toBe<AiError | ChatService.NoUserMessage | "no funds">()
  })

  test("has the errors and requirements of making the toolkit", () => {
    const toolkit = {} as Effect.Effect<Toolkit.WithHandler<{}>, "no tools", "a workshop">
    const asked = chat.ask({ messages: "hello", toolkit })
    expect<Effect.Error<typeof asked>>().type.toBe<AiError | ChatService.NoUserMessage | "no tools">()
    expect<Effect.Services<typeof asked>>().type.toBe<"a workshop">()
  })

  test("only accepts the toolkit's tools as toolChoice", () => {
    expect(chat.ask).type.toBeCallableWith({ messages: "hello", toolkit: telling, toolChoice: { tool: "weather" } })
    expect(chat.ask).type.not.toBeCallableWith({ messages: "hello", toolkit: telling, toolChoice: { tool: "charge" } })
  })
})

describe("stream", () => {
  test("has the parts of the answer, and the answer", () => {
    const streamed = chat.stream({ messages: "hello", toolkit: failing })
    expect<Stream.Success<typeof streamed>>().type.toBe<
      Response.StreamPart<Tools, "opaque"> | ChatService.AnswerPart
    >()
    expect<Stream.Error<typeof streamed>>().type.toBe<AiError | ChatService.NoUserMessage | "no funds">()
  })
})

describe("layers", () => {
  test("need a model", () => {
    expect(ChatService.layer()).type.toBe<Layer<ChatService.ChatService, never, LanguageModel>>()
    expect(ChatService.layerConfig()).type.toBe<Layer<ChatService.ChatService, ConfigError, LanguageModel>>()
  })
})

describe("TurnFailed", () => {
  test("is an AiError with a guard of its own", () => {
    expect<ChatService.TurnFailed>().type.toBeAssignableTo<AiError>()
    const error = {} as AiError | "no funds"
    if (ChatService.isTurnFailed(error)) expect(error.failure).type.toBe<AiError>()
  })
})
