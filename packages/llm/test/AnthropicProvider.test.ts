import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import type * as AiError from "effect/ai/AiError"
import * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { over, secret } from "./anthropic/over.ts"
import * as LoopbackServer from "./LoopbackServer.ts"
import { collect, generate, stream } from "./providerOptions.ts"

// -----------------------------------------------------------------------------
// The protocol
// -----------------------------------------------------------------------------

const event = (data: { readonly type: string; readonly [field: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
const start = (usage: object = { input_tokens: 9, output_tokens: 1, cache_read_input_tokens: 2 }): string =>
  event({ type: "message_start", message: { id: "msg_1", type: "message", model: "m-2026", content: [], usage } })
const block = (index: number, content_block: object): string =>
  event({ type: "content_block_start", index, content_block })
const delta = (index: number, delta: object): string => event({ type: "content_block_delta", index, delta })
const close = (index: number): string => event({ type: "content_block_stop", index })
const end = (stop_reason: string, usage: object = { output_tokens: 12 }, rest?: object): string =>
  event({ type: "message_delta", delta: { stop_reason, stop_sequence: null, ...rest }, usage })
const ping = event({ type: "ping" })
const stop = event({ type: "message_stop" })

const say = (index: number, ...deltas: ReadonlyArray<string>): string =>
  block(index, { type: "text", text: "" }) +
  deltas.map((text) => delta(index, { type: "text_delta", text })).join("") + close(index)

const think = (index: number, thinking: string, ...signature: ReadonlyArray<string>): string =>
  block(index, { type: "thinking", thinking: "", signature: "" }) +
  delta(index, { type: "thinking_delta", thinking }) +
  signature.map((piece) => delta(index, { type: "signature_delta", signature: piece })).join("") + close(index)

const call = (index: number, id: string, ...json: ReadonlyArray<string>): string =>
  block(index, { type: "tool_use", id, name: "weather", input: {} }) +
  json.map((partial_json) => delta(index, { type: "input_json_delta", partial_json })).join("") + close(index)

const answer = [
  start(),
  ping,
  think(0, "Hm. ", "sig", "nature"),
  ping,
  say(1, "Grüße, ", "Welt 🌍"),
  event({ type: "an_event_of_tomorrow" }),
  end("end_turn", { output_tokens: 5 }),
  end("end_turn", { output_tokens: 12, output_tokens_details: { thinking_tokens: 4 } }),
  stop
].join("")

const text = (parts: ReadonlyArray<Response.StreamPartEncoded>): string =>
  parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join("")

const signed = { anthropic: { info: { type: "thinking", signature: "signature" }, model: "m" } }

const Weather = Tool.make("weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})

const whole = (content: ReadonlyArray<object>, rest?: object): LoopbackServer.Reply => ({
  body: { type: "message", id: "msg_2", model: "m-2026", content, stop_reason: "end_turn", usage: {}, ...rest }
})

describe("AnthropicProvider", () => {
  describe("streamText", () => {
    it.live("gives thoughts with their signature, text, cumulative usage and one finish", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({ pieces: [answer], headers: { "request-id": "req_7" } })
        assert.deepStrictEqual(yield* collect(provider), [
          {
            type: "response-metadata",
            id: "msg_1",
            modelId: "m-2026",
            metadata: { anthropic: { requestId: "req_7" } }
          },
          { type: "reasoning-start", id: "reasoning-0" },
          { type: "reasoning-delta", id: "reasoning-0", delta: "Hm. " },
          { type: "reasoning-end", id: "reasoning-0", metadata: signed },
          { type: "text-start", id: "text-1" },
          { type: "text-delta", id: "text-1", delta: "Grüße, " },
          { type: "text-delta", id: "text-1", delta: "Welt 🌍" },
          { type: "text-end", id: "text-1" },
          {
            type: "finish",
            reason: "stop",
            usage: {
              inputTokens: { total: 11, uncached: 9, cacheRead: 2, cacheWrite: undefined },
              outputTokens: { total: 12, reasoning: 4, text: 8 }
            }
          }
        ])
        const [request] = server.received
        assert.strictEqual(request?.url, "/v1/messages")
        assert.strictEqual(request?.headers["x-api-key"], secret)
        assert.strictEqual(request?.headers["anthropic-version"], "2023-06-01")
        assert.deepStrictEqual(request?.body, {
          model: "m",
          max_tokens: 16_000,
          messages: [{ role: "user", content: [{ type: "text", text: "hello" }] }],
          stream: true
        })
      }).pipe(Effect.scoped))

    it.live("ends at message_stop although the server keeps the connection", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({ pieces: [answer], after: "hang" })
        assert.strictEqual(text(yield* collect(provider)), "Grüße, Welt 🌍")
        yield* Deferred.await(server.abandoned)
      }).pipe(Effect.scoped))

    it.live("lets go of the connection when the reader stops", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({ pieces: [start(), say(0, "a")], after: "hang" })
        yield* stream(provider).pipe(Stream.take(2), Stream.runDrain)
        yield* Deferred.await(server.abandoned)
      }).pipe(Effect.scoped))

    it.live("takes message_stop for no proof without a start, a stop_reason, or the end of a half-written call", () =>
      Effect.gen(function*() {
        const open = block(0, { type: "tool_use", id: "t", name: "weather", input: {} }) +
          event({ type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: "{\"a" } })
        for (
          const pieces of [[start(), say(0, "a"), stop], [end("end_turn"), stop], [
            start(),
            open,
            end("end_turn"),
            stop
          ]]
        ) {
          const { provider } = yield* over({ pieces })
          assert.include((yield* Effect.flip(collect(provider))).message, "without a stop_reason and message_stop")
        }
      }).pipe(Effect.scoped))

    it.live("takes a second message_start for a failure, even where everything else is in order", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({
          pieces: [start(), say(0, "one "), start(), say(0, "two"), end("end_turn"), stop]
        })
        const seen: Array<Response.StreamPartEncoded> = []
        const error = yield* stream(provider).pipe(
          Stream.runForEach((part) => Effect.sync(() => seen.push(part))),
          Effect.flip
        )
        assert.strictEqual(error.reason._tag, "InternalProviderError")
        assert.include(error.message, "began a second message")
        assert.strictEqual(text(seen), "one ")
      }).pipe(Effect.scoped))

    it.live("puts tool calls together, and gives them with the finish", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({
          pieces: [
            start(),
            say(0, "Let me look. "),
            call(1, "toolu_a", "", "{\"ci", "ty\":\"Oslo\"}"),
            ping,
            block(2, { type: "tool_use", id: "toolu_b", name: "weather", input: { city: "Rome" } }),
            close(2),
            call(3, "toolu_c"),
            end("tool_use"),
            stop
          ]
        })
        const parts = yield* collect(provider, { tools: [Weather] })
        assert.deepStrictEqual(parts.slice(-4, -1), [
          { type: "tool-call", id: "toolu_a", name: "weather", params: { city: "Oslo" } },
          { type: "tool-call", id: "toolu_b", name: "weather", params: { city: "Rome" } },
          { type: "tool-call", id: "toolu_c", name: "weather", params: {} }
        ])
        assert.deepInclude(parts.at(-1), { type: "finish", reason: "tool-calls" })
        const params = (id: string) =>
          parts.flatMap((part) => part.type === "tool-params-delta" && part.id === id ? [part.delta] : []).join("")
        assert.strictEqual(params("toolu_a"), "{\"city\":\"Oslo\"}")
        assert.strictEqual(params("toolu_b"), "{\"city\":\"Rome\"}")
      }).pipe(Effect.scoped))

    const inStream: ReadonlyArray<[string, object, AiError.AiErrorReason["_tag"], ProviderFailure.Kind | undefined]> = [
      ["overloaded_error", { type: "overloaded_error", message: "Overloaded" }, "InternalProviderError", "overloaded"],
      ["api_error", { type: "api_error", message: "Internal server error" }, "InternalProviderError", "serverError"],
      ["rate_limit_error", { type: "rate_limit_error", message: "slow down" }, "RateLimitError", "rateLimited"],
      ["billing_error", { type: "billing_error", message: "no money" }, "QuotaExhaustedError", "quotaSpent"],
      ["invalid_request_error", { type: "invalid_request_error", message: "bad" }, "InvalidRequestError", undefined]
    ]
    it.live.each(inStream)(
      "takes an error in the stream as a failure: %s",
      ([, error, tag, kind]) =>
        Effect.gen(function*() {
          const body = { type: "error", error, request_id: "req_body" }
          const { provider } = yield* over({ pieces: [start(), say(0, "Half an ans"), event(body)] })
          const { reason } = yield* Effect.flip(collect(provider))
          assert.strictEqual(reason._tag, tag)
          const known = ProviderFailure.detail(reason)
          assert.strictEqual(known.kind, kind)
          assert.strictEqual(known.requestId, "req_body")
          // Behind a proxy that drops the event's name.
          const unnamed = yield* over({
            pieces: [start(), `data: ${JSON.stringify(body)}\n\n`],
            headers: { "request-id": "req_9" }
          })
          const other = (yield* Effect.flip(collect(unnamed.provider))).reason
          assert.strictEqual(other._tag, tag)
          assert.strictEqual(ProviderFailure.detail(other).requestId, "req_9")
        }).pipe(Effect.scoped)
    )

    it.live("fails with an unreadable answer on an event that the API does not have", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({ pieces: [start(), "data: {\n\n"] })
        assert.strictEqual((yield* Effect.flip(collect(provider))).reason._tag, "InvalidResponseError")
      }).pipe(Effect.scoped))

    it.live("takes a refusal without a word for the content policy's, and one after some words for an end", () =>
      Effect.gen(function*() {
        const details = { stop_details: { type: "refusal", category: "cyber", explanation: "cannot help with that" } }
        const none = yield* over({ pieces: [start(), think(0, "Hm", "s"), end("refusal", {}, details), stop] })
        const { reason } = yield* Effect.flip(collect(none.provider))
        assert.strictEqual(reason._tag, "ContentPolicyError")
        assert.include(reason.message, "cannot help with that [cyber]")
        const some = yield* over({ pieces: [start(), say(0, "Well, "), end("refusal"), stop] })
        assert.deepInclude((yield* collect(some.provider)).at(-1), { type: "finish", reason: "content-filter" })
      }).pipe(Effect.scoped))

    const endings: ReadonlyArray<[string, Response.FinishReason]> = [
      ["end_turn", "stop"],
      ["stop_sequence", "stop"],
      ["max_tokens", "length"],
      ["model_context_window_exceeded", "length"],
      ["tool_use", "tool-calls"],
      ["pause_turn", "pause"],
      ["something_new", "other"]
    ]
    it.live.each(endings)("knows the stop_reason %s", ([stopReason, reason]) =>
      Effect.gen(function*() {
        const { provider } = yield* over({ pieces: [start(), say(0, "a"), end(stopReason), stop] })
        assert.deepInclude((yield* collect(provider)).at(-1), { type: "finish", reason })
      }).pipe(Effect.scoped))
  })

  it.live("has the default model show what it thinks, so that it is not silent, unless told otherwise", () =>
    Effect.gen(function*() {
      const thinking = Effect.fnUntraced(function*(options: AnthropicProvider.Options) {
        const { provider, server } = yield* over(whole([{ type: "text", text: "ok" }]), options)
        yield* generate(provider)
        return LoopbackServer.lastBody(server)["thinking"]
      })
      const summary = { type: "adaptive", display: "summarized" }
      const between = { thinking: { type: "between_tools" } }
      assert.deepStrictEqual(yield* thinking({ model: undefined }), summary)
      assert.deepStrictEqual(yield* thinking({ model: undefined, parameters: { temperature: 1 } }), summary)
      assert.deepStrictEqual(yield* thinking({ model: undefined, parameters: between }), between.thinking)
      assert.isUndefined(yield* thinking({ model: "claude-haiku-4-5" }))
      assert.deepStrictEqual(
        yield* thinking({ model: "claude-opus-5-5", parameters: AnthropicProvider.summarized }),
        summary
      )
    }).pipe(Effect.scoped))

  it.live("asks in preflight for the model alone", () =>
    Effect.gen(function*() {
      const { provider, server } = yield* over({ body: { id: "m" } })
      yield* provider.preflight
      assert.deepInclude(server.received[0], { method: "GET", url: "/v1/models/m" })
      const missing = yield* over({ status: 404, body: { error: { type: "not_found_error", message: "model: m" } } })
      const error = yield* Effect.flip(missing.provider.preflight)
      assert.include(error.message, "serves the model \"m\"")
    }).pipe(Effect.scoped))

  it("rejects invalid options", () => {
    assert.throws(() => AnthropicProvider.make({ maxTokens: 0 }), RangeError, "maxTokens must be a whole number")
    assert.throws(() => AnthropicProvider.make({ baseUrl: "localhost" }), RangeError, "http or https URL")
  })

  describe("makeConfig", () => {
    const withEnv = (env: Record<string, string>) =>
      AnthropicProvider.makeConfig().pipe(
        Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(env))])
      )

    it.live("takes key, model and URL, with or without its version", () =>
      Effect.gen(function*() {
        const provider = yield* withEnv({ ANTHROPIC_API_KEY: secret, ANTHROPIC_MODEL: "claude-opus-5-5" })
        assert.deepInclude(provider, { name: "anthropic", model: "claude-opus-5-5", location: "cloud" })
        const server = yield* LoopbackServer.always(whole([{ type: "text", text: "ok" }]))
        for (const path of ["", "/", "/v1", "/v1/"]) {
          const other = yield* withEnv({ ANTHROPIC_API_KEY: "", ANTHROPIC_BASE_URL: `${server.url}${path}` })
          assert.strictEqual(other.model, AnthropicProvider.defaultModel)
          yield* generate(other)
          assert.strictEqual(server.received.at(-1)?.url, "/v1/messages")
          assert.isUndefined(server.received.at(-1)?.headers["x-api-key"])
        }
      }).pipe(Effect.scoped))

    it.effect("says what to set", () =>
      Effect.gen(function*() {
        const none = yield* Effect.flip(withEnv({}))
        assert.include(none.message, "ANTHROPIC_API_KEY")
        const bad = yield* Effect.flip(withEnv({ ANTHROPIC_BASE_URL: "localhost" }))
        assert.include(bad.message, "http or https URL")
      }))
  })
})
