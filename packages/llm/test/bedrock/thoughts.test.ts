/** What a thought on Bedrock must have to go back: its signature, whole, or its encrypted form, which has no words. */
import { assert, it } from "@effect/vitest"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as PiecesClient from "../PiecesClient.ts"
import { collect } from "../providerOptions.ts"
import { frame } from "./BedrockServer.ts"

const thought = (contentBlockIndex: number, reasoningContent: object) =>
  frame("contentBlockDelta", { contentBlockIndex, delta: { reasoningContent } })
const stop = (contentBlockIndex: number) => frame("contentBlockStop", { contentBlockIndex })

it.effect("keeps a signature that comes in pieces, and an encrypted thought", () =>
  Effect.gen(function*() {
    const pieces = [
      frame("messageStart", { role: "assistant" }),
      thought(0, { text: "Hm" }),
      thought(0, { signature: "ab" }),
      thought(0, { signature: "cd" }),
      stop(0),
      thought(1, { redactedContent: "c2VjcmV0" }),
      stop(1),
      frame("contentBlockDelta", { contentBlockIndex: 2, delta: { text: "Hi" } }),
      stop(2),
      frame("messageStop", { stopReason: "end_turn" }),
      frame("metadata", { usage: { inputTokens: 5, outputTokens: 1 } })
    ].map((bytes) => new Uint8Array(bytes))
    const provider = yield* BedrockProvider.make({ baseUrl: "http://pieces", model: "m" }).pipe(
      Effect.provideService(HttpClient.HttpClient, PiecesClient.make(() => pieces))
    )
    const parts = yield* collect(provider)
    assert.deepStrictEqual(
      parts.flatMap((part) => part.type === "reasoning-end" ? [part.metadata] : []),
      [{ bedrock: { signature: "abcd" } }, { bedrock: { redacted: "c2VjcmV0" } }]
    )
  }))
