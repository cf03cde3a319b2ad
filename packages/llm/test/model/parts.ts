/** Parts of streams for the tests of a chain's model: as providers give them, and as a provider in JavaScript might. */
import type * as Response from "effect/ai/Response"

type Part = Response.StreamPartEncoded

const odd = (part: Readonly<Record<string, unknown>>) => part as unknown as Part

/** As they are meant. */
export const proper = {
  "text-start": { type: "text-start", id: "t" },
  "text-delta": { type: "text-delta", id: "t", delta: "word" },
  "empty text-delta": { type: "text-delta", id: "t", delta: "" },
  "text-end": { type: "text-end", id: "t" },
  "reasoning-start": { type: "reasoning-start", id: "r" },
  "reasoning-delta": { type: "reasoning-delta", id: "r", delta: "thought" },
  "reasoning-end": { type: "reasoning-end", id: "r" },
  "text-delta with metadata": { type: "text-delta", id: "t", delta: "word", metadata: { vendor: { logprob: 1 } } },
  "text-end with metadata": { type: "text-end", id: "t", metadata: { vendor: { signature: "s" } } },
  "reasoning-delta with metadata": { type: "reasoning-delta", id: "r", delta: "", metadata: { vendor: { a: null } } },
  "metadata undefined": { type: "text-delta", id: "t", delta: "word", metadata: undefined },
  "more fields": odd({ delta: "word", extra: 1, id: "t", type: "text-delta" }),
  "response-metadata": { type: "response-metadata", id: "resp_1", modelId: "m", timestamp: "2026-11-27T12:00:00.000Z" },
  "tool-params-start": { type: "tool-params-start", id: "c", name: "weather" },
  "tool-params-delta": { type: "tool-params-delta", id: "c", delta: "{\"city\":\"Graz\"}" },
  "tool-params-end": { type: "tool-params-end", id: "c" },
  "tool-call": { type: "tool-call", id: "c", name: "weather", params: { city: "Graz" } },
  "file": { type: "file", mediaType: "text/plain", data: "aGk=" },
  "source": { type: "source", sourceType: "url", id: "s", url: "https://example.com/", title: "A page" }
} satisfies Readonly<Record<string, Part>>

/** As no provider should give them. */
export const improper = {
  "tool-call of another tool": { type: "tool-call", id: "c", name: "other", params: {} },
  "tool-call of other parameters": { type: "tool-call", id: "c", name: "weather", params: { city: 3 } },
  "a number for an id": odd({ type: "text-delta", id: 3, delta: "word" }),
  "no id": odd({ type: "text-start" }),
  "a number for words": odd({ type: "text-delta", id: "t", delta: 7 }),
  "null for thoughts": odd({ type: "reasoning-delta", id: "r", delta: null }),
  "null for metadata": odd({ type: "text-delta", id: "t", delta: "word", metadata: null }),
  "text for metadata": odd({ type: "text-end", id: "t", metadata: "no" }),
  "another mark": odd({ "~effect/ai/Response/Part": "mine", type: "text-delta", id: "t", delta: "word" }),
  "the mark": odd({ "~effect/ai/Response/Part": "~effect/ai/Response/Part", type: "text-end", id: "t" }),
  "an unknown kind": odd({ type: "song", id: "t" }),
  "an odd time": { type: "response-metadata", id: "resp_1", modelId: "m", timestamp: "yesterday" }
} satisfies Readonly<Record<string, Part>>

export const finish = (reason: Response.FinishReason = "stop"): Part => ({
  type: "finish",
  reason,
  usage: {
    inputTokens: { total: 3, uncached: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: 4, text: undefined, reasoning: undefined }
  }
})

/** Ends of answers, proper or not. */
export const finishes = {
  "finish": finish(),
  "finish for length": finish("length"),
  "counts in another order": odd({
    type: "finish",
    usage: {
      outputTokens: { reasoning: 1, total: 4, more: 2 },
      inputTokens: { cacheWrite: 1, total: 3, uncached: 2, extra: 1 }
    },
    reason: "tool-calls"
  }),
  "no counts": odd({ type: "finish", reason: "other", usage: { inputTokens: {}, outputTokens: {} } }),
  "a mark": { ...finish(), metadata: { holdfast: { provider: "cloud", attempts: 1, offline: false, model: null } } },
  "deep metadata": { ...finish(), metadata: { vendor: { list: [1, { a: ["b"] }], half: 0.5 } } },
  "metadata beyond JSON": odd({ ...finish(), metadata: { vendor: { nothing: undefined } } }),
  "metadata of a class": odd({ ...finish(), metadata: { vendor: new Date(0) } }),
  "a list for metadata": odd({ ...finish(), metadata: ["a"] }),
  "null for the metadata of a finish": odd({ ...finish(), metadata: null }),
  "a response": odd({ ...finish(), response: { status: 200, headers: {} } }),
  "a response undefined": odd({ ...finish(), response: undefined }),
  "an unknown reason": odd({ ...finish(), reason: "bored" }),
  "half a token": odd({ type: "finish", reason: "stop", usage: { inputTokens: { total: 0.5 }, outputTokens: {} } }),
  "text for a count": odd({ type: "finish", reason: "stop", usage: { inputTokens: { total: "3" }, outputTokens: {} } }),
  "null for a count": odd({
    type: "finish",
    reason: "stop",
    usage: { inputTokens: { total: null }, outputTokens: {} }
  }),
  "null for counts": odd({ type: "finish", reason: "stop", usage: { inputTokens: null, outputTokens: {} } }),
  "half of the counts": odd({ type: "finish", reason: "stop", usage: { inputTokens: {} } }),
  "no usage": odd({ type: "finish", reason: "stop" }),
  "null for usage": odd({ type: "finish", reason: "stop", usage: null })
} satisfies Readonly<Record<string, Part>>

export const parts: Readonly<Record<keyof typeof proper | keyof typeof improper, Part>> = { ...proper, ...improper }
