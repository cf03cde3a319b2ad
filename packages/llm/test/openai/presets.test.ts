/** Each server of chat completions as it answers, with its own ways: what its users see is what all others give. */
import { assert, describe, it } from "@effect/vitest"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as LoopbackServer from "../LoopbackServer.ts"
import { collect, generate } from "../providerOptions.ts"

const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`
const delta = (delta: object, rest?: object): string =>
  event({ id: "c1", model: "m", choices: [{ index: 0, delta, ...rest }] })
const call = (index: number, id: string | undefined, name: string | undefined, args: string): string =>
  delta({ tool_calls: [{ index, id, type: "function", function: { name, arguments: args } }] })
const usage = { prompt_tokens: 9, completion_tokens: 4 }
const done = "data: [DONE]\n\n"

/** A failure as the server tells it, and what it is taken for. */
interface Failure {
  readonly what: string
  readonly reply: LoopbackServer.Reply
  readonly tag: AiError.AiErrorReason["_tag"]
  readonly kind?: ProviderFailure.Kind
  readonly says?: string
}

interface Replay {
  readonly preset: keyof typeof OpenAiProvider.presets
  readonly variables: Readonly<Record<string, string>>
  readonly location: "cloud" | "local"
  /** An answer with thoughts, text and a call of the tool, and usage. */
  readonly stream: ReadonlyArray<string>
  readonly toolChoice: unknown
  readonly failures: ReadonlyArray<Failure>
}

const refusal = (status: number, error: object): LoopbackServer.Reply => ({ status, body: { error } })
const broken = (...pieces: ReadonlyArray<string>): LoopbackServer.Reply => ({
  pieces: [delta({ content: "Half" }), ...pieces]
})

const byName = { type: "function", function: { name: "weather" } }

const replays: ReadonlyArray<Replay> = [
  {
    preset: "openai",
    variables: { OPENAI_API_KEY: "sk-1" },
    location: "cloud",
    stream: [
      delta({ role: "assistant", content: "", refusal: null }),
      delta({ reasoning_content: "Hm." }),
      delta({ content: "Let me look." }),
      call(0, "call_a", "weather", ""),
      call(0, undefined, undefined, "{\"city\":\"Oslo\"}"),
      delta({}, { finish_reason: "tool_calls" }),
      event({ id: "c1", choices: [], usage }),
      done
    ],
    toolChoice: byName,
    failures: [
      {
        what: "a spent quota under 429",
        reply: refusal(429, {
          message: "You exceeded your current quota",
          type: "insufficient_quota",
          code: "insufficient_quota"
        }),
        tag: "QuotaExhaustedError"
      },
      {
        what: "an invalid key",
        reply: refusal(401, { message: "Incorrect API key provided", code: "invalid_api_key" }),
        tag: "AuthenticationError",
        says: "Set OPENAI_API_KEY to a valid key"
      },
      {
        what: "a prompt that is too long",
        reply: refusal(400, {
          message: "This model's maximum context length is 128000 tokens",
          code: "context_length_exceeded"
        }),
        tag: "InvalidRequestError",
        kind: "contextOverflow"
      }
    ]
  },
  {
    preset: "openrouter",
    variables: { OPENROUTER_API_KEY: "sk-or-1" },
    location: "cloud",
    stream: [
      ": OPENROUTER PROCESSING\n\n",
      ": OPENROUTER PROCESSING\n\n",
      delta({ role: "assistant", content: "", reasoning: "Hm.", reasoning_details: [{ type: "reasoning.text" }] }),
      delta({ content: "Let me look." }),
      call(0, "call_a", "weather", "{\"city\":"),
      ": OPENROUTER PROCESSING\n\n",
      call(0, "", "", "\"Oslo\"}"),
      // Usage beside a choice that says nothing new.
      event({
        id: "c1",
        choices: [{ index: 0, delta: { content: "" }, finish_reason: "tool_calls", native_finish_reason: "stop" }],
        usage
      }),
      done
    ],
    toolChoice: byName,
    failures: [
      {
        what: "no credit",
        reply: refusal(402, { code: 402, message: "Insufficient credits" }),
        tag: "QuotaExhaustedError"
      },
      {
        what: "the host's own words",
        reply: refusal(400, {
          code: 400,
          message: "Provider returned error",
          metadata: { provider_name: "Together", raw: "prompt is too long for this model" }
        }),
        tag: "InvalidRequestError",
        kind: "contextOverflow",
        says: "Provider returned error: prompt is too long"
      },
      {
        what: "a host that disconnects in the middle",
        reply: broken(event({
          id: "c1",
          error: { code: 502, message: "Provider disconnected unexpectedly" },
          choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }]
        })),
        tag: "InternalProviderError",
        says: "Provider disconnected"
      },
      {
        what: "no host for the model",
        reply: refusal(503, { code: 503, message: "No available model provider that meets your routing requirements" }),
        tag: "InternalProviderError",
        kind: "overloaded"
      }
    ]
  },
  {
    preset: "groq",
    variables: { GROQ_API_KEY: "gsk_1" },
    location: "cloud",
    stream: [
      event({
        id: "c1",
        model: "m",
        choices: [{ index: 0, delta: { role: "assistant", content: "" } }],
        x_groq: { id: "req_1" }
      }),
      delta({ reasoning: "Hm." }),
      delta({ content: "Let me look." }),
      call(0, "call_a", "weather", "{\"city\":\"Oslo\"}"),
      event({
        id: "c1",
        choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }],
        x_groq: { id: "req_1", usage }
      }),
      done
    ],
    toolChoice: byName,
    failures: [
      {
        what: "a full flex tier",
        reply: refusal(498, { message: "capacity exceeded", type: "invalid_request_error", code: "capacity_exceeded" }),
        tag: "InternalProviderError",
        kind: "overloaded"
      },
      {
        what: "a call that the model wrote badly",
        reply: refusal(400, {
          message: "Failed to call a function. Please adjust your prompt.",
          type: "invalid_request_error",
          code: "tool_use_failed",
          failed_generation: "<function=weather"
        }),
        tag: "InternalProviderError",
        kind: "failedGeneration"
      },
      {
        what: "an error under x_groq",
        reply: broken(event({ id: "c1", choices: [], x_groq: { id: "req_1", error: "over capacity" } })),
        tag: "InternalProviderError",
        says: "over capacity"
      },
      {
        what: "a limit of tokens a minute",
        reply: {
          ...refusal(429, { message: "Rate limit reached", type: "tokens", code: "rate_limit_exceeded" }),
          headers: { "retry-after": "7" }
        },
        tag: "RateLimitError"
      }
    ]
  },
  {
    preset: "vllm",
    variables: { VLLM_MODEL: "m" },
    location: "local",
    stream: [
      delta({ role: "assistant", content: "" }),
      delta({ reasoning_content: "Hm." }),
      delta({ content: "Let me look." }),
      // The name comes after the id, the parameters in tokens.
      call(0, "chatcmpl-tool-1", undefined, ""),
      call(0, undefined, "weather", ""),
      call(0, undefined, undefined, "{\"city\":"),
      call(0, undefined, undefined, " \"Oslo\"}"),
      event({
        id: "c1",
        choices: [{ index: 0, delta: { content: "" }, finish_reason: "tool_calls", stop_reason: null }]
      }),
      event({ id: "c1", choices: [], usage: { ...usage, total_tokens: 13 } }),
      done
    ],
    toolChoice: byName,
    failures: [
      {
        what: "a prompt that is too long, as older servers say it",
        reply: {
          status: 400,
          body: {
            object: "error",
            message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
            type: "BadRequestError",
            param: null,
            code: 400
          }
        },
        tag: "InvalidRequestError",
        kind: "contextOverflow"
      },
      {
        what: "tools on a server that was not started for them",
        reply: refusal(400, {
          message: "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set",
          type: "BadRequestError",
          code: 400
        }),
        tag: "InvalidRequestError",
        kind: "unsupported"
      },
      {
        what: "a model that it does not serve",
        reply: refusal(404, { message: "The model `m` does not exist.", type: "NotFoundError", code: 404 }),
        tag: "InvalidRequestError",
        kind: "unknownModel",
        says: "serves the model \"m\""
      },
      {
        what: "an engine that dies in the middle",
        reply: broken(event({ error: { message: "EngineCore died", type: "InternalServerError", code: 500 } }), done),
        tag: "InternalProviderError"
      }
    ]
  },
  {
    preset: "lmstudio",
    variables: { LMSTUDIO_MODEL: "m" },
    location: "local",
    stream: [
      delta({ role: "assistant", reasoning: "Hm." }),
      delta({ content: "Let me look." }),
      call(1, "365174485", "weather", ""),
      call(1, undefined, "", "{\"city\":\"Oslo\"}"),
      delta({}, { finish_reason: "tool_calls" }),
      event({ id: "c1", choices: [], usage }),
      done
    ],
    toolChoice: "required",
    failures: [
      {
        what: "a stream that fails with 200",
        reply: {
          pieces: [
            "event: error\ndata: {\"error\":{\"message\":\"The model has crashed without additional information\"}}\n\n"
          ]
        },
        tag: "InternalProviderError",
        says: "has crashed"
      },
      {
        what: "a context that is too small, in the stream",
        reply: { pieces: ["event: error\ndata: {\"error\":{\"message\":\"Context size has been exceeded.\"}}\n\n"] },
        tag: "InvalidRequestError",
        kind: "contextOverflow"
      },
      {
        what: "an error as a text",
        reply: { status: 400, body: { error: "Model does not support images. Please use a model that does." } },
        tag: "InvalidRequestError",
        kind: "unsupported"
      }
    ]
  },
  {
    preset: "llamacpp",
    variables: {},
    location: "local",
    stream: [
      delta({ role: "assistant", content: null }),
      delta({ reasoning_content: "Hm." }),
      delta({ content: "Let me look." }),
      call(0, "5Yb1", "weather", "{"),
      call(0, undefined, undefined, "\"city\":\"Oslo\"}"),
      delta({}, { finish_reason: "tool_calls" }),
      event({ id: "c1", choices: [], usage, timings: { predicted_per_second: 40 } }),
      done
    ],
    toolChoice: "required",
    failures: [
      {
        what: "a model that still loads",
        reply: refusal(503, { code: 503, message: "Loading model", type: "unavailable_error" }),
        tag: "InternalProviderError",
        kind: "loading"
      },
      {
        what: "a prompt that is too long",
        reply: refusal(400, {
          code: 400,
          message: "the request exceeds the available context size. try increasing the context size",
          type: "exceed_context_size_error",
          n_prompt_tokens: 1407,
          n_ctx: 256
        }),
        tag: "InvalidRequestError",
        kind: "contextOverflow"
      },
      {
        what: "a prompt that is too long, as an error field in a stream",
        reply: {
          pieces: [
            "err",
            "or: {\"code\":400,\"message\":\"the request exceeds the available context size\",",
            "\"type\":\"invalid_request_error\"}\n\n",
            done
          ]
        },
        tag: "InvalidRequestError",
        kind: "contextOverflow"
      },
      {
        what: "tools without --jinja",
        reply: refusal(500, { code: 500, message: "tools param requires --jinja flag", type: "server_error" }),
        tag: "InvalidRequestError",
        kind: "unsupported"
      }
    ]
  }
]

const Weather = Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
const Time = Tool.make("time", { success: Schema.String })

const deltas = (parts: ReadonlyArray<Response.StreamPartEncoded>, type: "text-delta" | "reasoning-delta"): string =>
  parts.flatMap((part) => part.type === type ? [part.delta] : []).join("")

describe.each(replays.map((replay) => [replay.preset, replay] as const))("%s", (preset, replay) => {
  const over = (reply: LoopbackServer.Reply) =>
    Effect.gen(function*() {
      const server = yield* LoopbackServer.always(reply)
      const provider = yield* OpenAiProvider.make({
        preset,
        baseUrl: `${server.url}/v1`,
        model: "m",
        ...(replay.location === "cloud" ? { apiKey: Redacted.make("sk-1") } : {})
      })
      return { server, provider }
    }).pipe(Effect.provide(FetchHttpClient.layer))

  it.live("gives thoughts, text, a tool call and usage of an answer like all others", () =>
    Effect.gen(function*() {
      const { provider, server } = yield* over({ pieces: replay.stream })
      const parts = yield* collect(provider, { tools: [Weather, Time], toolChoice: { tool: "weather" } })
      assert.strictEqual(deltas(parts, "reasoning-delta"), "Hm.")
      assert.strictEqual(deltas(parts, "text-delta"), "Let me look.")
      assert.deepInclude(parts.at(-2), { type: "tool-call", name: "weather", params: { city: "Oslo" } })
      const finish = parts.at(-1)
      assert.strictEqual(finish?.type === "finish" ? finish.reason : undefined, "tool-calls")
      assert.strictEqual(finish?.type === "finish" ? finish.usage.inputTokens.total : undefined, 9)
      const body = LoopbackServer.lastBody(server)
      assert.deepStrictEqual(body["stream_options"], { include_usage: true })
      assert.deepStrictEqual(body["tool_choice"], replay.toolChoice)
      // Where the choice cannot name the tool, there is no other.
      assert.strictEqual((body["tools"] as ReadonlyArray<unknown>).length, replay.toolChoice === "required" ? 1 : 2)
    }).pipe(Effect.scoped))

  it.live.each(replay.failures.map((failure) => [failure.what, failure] as const))(
    "knows %s",
    ([, failure]) =>
      Effect.gen(function*() {
        const { provider } = yield* over(failure.reply)
        const ask: Effect.Effect<unknown, AiError.AiError> = failure.reply.pieces === undefined
          ? generate(provider)
          : collect(provider)
        const error = yield* Effect.flip(ask)
        assert.strictEqual(error.reason._tag, failure.tag)
        if (failure.kind !== undefined) assert.strictEqual(ProviderFailure.detail(error.reason).kind, failure.kind)
        assert.include(error.message, failure.says ?? "")
      }).pipe(Effect.scoped)
  )

  it.live("asks in preflight for the model, where the server tells all that it has", () =>
    Effect.gen(function*() {
      const { provider } = yield* over({ body: { object: "list", data: [{ id: "m" }, { id: "n" }] } })
      yield* provider.preflight
      const lacking = yield* over({ body: { object: "list", data: [{ id: "n" }, { id: "o" }] } })
      const exit = yield* Effect.exit(lacking.provider.preflight)
      assert.strictEqual(exit._tag === "Failure", OpenAiProvider.presets[preset].models === "all")
      if (exit._tag === "Failure") assert.include(String(exit), "has no model \"m\". Name one that it has. It has n, o")
    }).pipe(Effect.scoped))

  it.effect("is configured by variables of its own", () =>
    Effect.gen(function*() {
      const configured = (env: Readonly<Record<string, string>>) =>
        OpenAiProvider.makeConfig({ preset }).pipe(
          Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(env))])
        )
      const { location, model, name } = yield* configured(replay.variables)
      assert.deepStrictEqual({ location, name }, { location: replay.location, name: preset })
      assert.isNotEmpty(model)
      const prefix = OpenAiProvider.presets[preset].variables
      assert.strictEqual((yield* configured({ ...replay.variables, [`${prefix}_MODEL`]: "mine" })).model, "mine")
      if (Object.keys(replay.variables).length === 0) return
      const [variable] = Object.keys(replay.variables)
      const error = yield* Effect.flip(configured({}))
      assert.include(error.message, `Set ${variable}`)
    }))

  it.live("says what helps if the server does not answer", () =>
    Effect.gen(function*() {
      const provider = yield* OpenAiProvider.make({ preset, baseUrl: yield* LoopbackServer.closedPort, model: "m" })
      const error = yield* Effect.flip(generate(provider))
      assert.include(error.message, `no connection to ${preset} at`)
      assert.strictEqual(error.message.includes("Start it with `"), replay.location === "local")
    }).pipe(Effect.provide(FetchHttpClient.layer)))
})
