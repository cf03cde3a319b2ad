/** The secrets in an address reach its server, and no log, span or error. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "@holdfast/llm/Address"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as Connectivity from "@holdfast/llm/Connectivity"
import * as OllamaEmbedding from "@holdfast/llm/OllamaEmbedding"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiEmbedding from "@holdfast/llm/OpenAiEmbedding"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { inspect } from "node:util"
import { law } from "../../../vitest.law.ts"
import { recorder } from "../../../vitest.tracer.ts"
import { generate, stream } from "./providerOptions.ts"

const secret = "hunter2"
const secretInBase64 = /aHVudGVyM|h1bnRlcj|odW50ZXIy/

/** Everything that a person may come to see of a value. */
const seen = (value: unknown): string =>
  [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: Infinity, showHidden: true, maxStringLength: Infinity })
  ].join("\n")

const assertHidden = (value: unknown, where: string): void => {
  const text = seen(value)
  assert.notInclude(text, secret, where)
  assert.notMatch(text, secretInBase64, where)
}

type Ask = Effect.Effect<unknown, unknown, HttpClient.HttpClient>

/** All that asks a server at an address, without a word that it is asked in vain. */
const askers: Readonly<Record<string, (url: string) => ReadonlyArray<Ask>>> = {
  openai: (baseUrl) => ofProvider(OpenAiProvider.make({ baseUrl })),
  vllm: (baseUrl) => ofProvider(OpenAiProvider.make({ preset: "vllm", model: "m", baseUrl })),
  anthropic: (baseUrl) => ofProvider(AnthropicProvider.make({ baseUrl })),
  ollama: (host) => [
    ...ofProvider(OllamaProvider.make({ host })),
    Effect.flatMap(OllamaProvider.make({ host }), ({ inspect }) => inspect),
    Effect.flatMap(OllamaProvider.make({ host }), ({ pull }) => Stream.runDrain(Stream.take(pull, 1)))
  ],
  openAiEmbedding: (baseUrl) => [Effect.flatMap(OpenAiEmbedding.make({ baseUrl }), (model) => model.embed("hi"))],
  ollamaEmbedding: (host) => [Effect.flatMap(OllamaEmbedding.make({ host }), (model) => model.embed("hi"))]
}

const ofProvider = (
  make: Effect.Effect<Parameters<typeof generate>[0], never, HttpClient.HttpClient>
): ReadonlyArray<Ask> => [
  Effect.flatMap(make, (provider) => generate(provider)),
  Effect.flatMap(make, (provider) => Stream.runDrain(stream(provider))),
  Effect.flatMap(make, ({ preflight }) => preflight)
]

/** A server that says nothing but what it was sent, with any status, in JSON or not, or does not answer at all. */
const echo = (status: number | "unreachable" | "cut", form: "error" | "fields" | "text" | "page") =>
  HttpClient.make((request, url) => {
    if (status === "unreachable") {
      const reason = new HttpClientError.TransportError({ request, cause: new Error("ECONNREFUSED") })
      return Effect.fail(new HttpClientError.HttpClientError({ reason }))
    }
    const authorization = request.headers["authorization"] ?? ""
    const userinfo = Buffer.from(authorization.replace("Basic ", ""), "base64").toString("utf8")
    const sent = `${url.href} ${[...url.searchParams.values()].join(" ")} ${authorization} ${userinfo}`
    const data = form === "error"
      ? { error: { message: sent, type: "bad" } }
      : { models: sent, data: sent, version: sent, content: sent, choices: sent, message: sent, embeddings: sent }
    const body = form === "text" || form === "page" ? sent : JSON.stringify(data)
    const headers = { "content-type": form === "page" ? "text/html" : "application/json" }
    const half = new Response(body.slice(0, 9), { headers })
    return Effect.succeed(
      HttpClientResponse.fromWeb(request, status === "cut" ? half : new Response(body, { status, headers }))
    )
  })

law(
  "no failure shows what an address holds beside where it is",
  {
    who: Schema.Literals(["openai", "vllm", "anthropic", "ollama", "openAiEmbedding", "ollamaEmbedding"]),
    status: Schema.Literals(["unreachable", "cut", 200, 400, 401, 403, 404, 413, 429, 500, 503]),
    form: Schema.Literals(["error", "fields", "text", "page"]),
    where: Schema.Literals(["password", "user", "query", "both"]),
    around: Schema.String
  },
  ({ around, form, status, where, who }) =>
    Effect.gen(function*() {
      const text = encodeURIComponent(around.toWellFormed()).replaceAll("'", "%27")
      const hidden = `${text}${secret}`
      const userinfo = where === "query" ? "" : where === "user" ? `${hidden}@` : `ada:${hidden}@`
      const query = where === "query" || where === "both" ? `?tenant=${hidden}&key=${hidden}` : ""
      const told: Array<unknown> = []
      const { spans, tracer } = recorder()
      const logger = Logger.make(({ message }) => told.push(message))
      for (const ask of askers[who]?.(`http://${userinfo}gpu.local:8080/v1${query}`) ?? []) {
        const fiber = yield* ask.pipe(
          Effect.provideService(HttpClient.HttpClient, echo(status, form)),
          Effect.provide(Logger.layer([logger])),
          Effect.withTracer(tracer),
          Effect.exit,
          Effect.forkChild({ startImmediately: true })
        )
        // A pull that breaks off waits before it goes on.
        yield* TestClock.adjust("1 hour")
        const exit = yield* Fiber.join(fiber)
        assertHidden(exit, "the exit")
        if (Exit.isFailure(exit)) assertHidden(Cause.pretty(exit.cause), "the cause")
      }
      for (const { attributes, name } of spans) told.push(name, attributes)
      for (const value of told) assertHidden(value instanceof Map ? [...value] : value, "a log or a span")
    }),
  { cases: 500 }
)

describe("Address", () => {
  it.effect("gives the server all that it had", () =>
    Effect.gen(function*() {
      const sent: Array<readonly [URL, HttpClientRequest.HttpClientRequest]> = []
      const client = HttpClient.make((request, url) => {
        sent.push([url, request])
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("{}", { status: 500 })))
      })
      const paths = {
        openai: "/v1/chat/completions",
        anthropic: "/v1/messages",
        ollama: "/v1/api/chat",
        openAiEmbedding: "/v1/embeddings",
        ollamaEmbedding: "/v1/api/embed"
      }
      for (const [who, path] of Object.entries(paths)) {
        const [ask] = askers[who]?.("http://ada:p%40ss@gpu.local:8080/v1/?key=k%26&v=2") ?? []
        if (ask === undefined) throw new Error(`no case asks as ${who}`)
        yield* Effect.exit(Effect.provideService(ask, HttpClient.HttpClient, client))
        const [url, request] = sent.pop() ?? []
        assert.strictEqual(url?.href, `http://gpu.local:8080${path}?key=k%26&v=2`)
        assert.strictEqual(request?.headers["authorization"], `Basic ${btoa("ada:p@ss")}`)
      }
    }))

  it.effect("has a key count before user and password", () =>
    Effect.gen(function*() {
      const sent: Array<string | undefined> = []
      const client = HttpClient.make((request) => {
        sent.push(request.headers["authorization"])
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("{}", { status: 500 })))
      })
      const provider = yield* Effect.provideService(
        OpenAiProvider.make({ apiKey: Redacted.make("sk-1"), baseUrl: "http://ada:pass@gpu.local" }),
        HttpClient.HttpClient,
        client
      )
      yield* Effect.exit(generate(provider))
      assert.deepStrictEqual(sent, ["Bearer sk-1"])
    }))

  const refused = [
    `ftp://ada:${secret}@gpu.local`,
    `http://ada:x${secret}/y@gpu.local`,
    `http://ada:${secret}@:80:80`,
    `ada:${secret}@gpu.local:99999999`,
    `http://gpu local/?key=${secret}`,
    `mailto://x?key=${secret}`
  ]
  it.effect.each(refused)("refuses %s, and does not show it", (url) =>
    Effect.gen(function*() {
      const variables = ["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "OLLAMA_HOST", "CONNECTIVITY_CHECK_URL"]
      const env = ConfigProvider.layer(ConfigProvider.fromUnknown(Object.fromEntries(variables.map((v) => [v, url]))))
      const makers: ReadonlyArray<Effect.Effect<unknown, unknown, HttpClient.HttpClient>> = [
        OpenAiProvider.makeConfig(),
        AnthropicProvider.makeConfig(),
        OllamaProvider.makeConfig(),
        OpenAiEmbedding.makeConfig(),
        OllamaEmbedding.makeConfig(),
        Connectivity.makeConfig()
      ]
      for (const make of makers) {
        const error = yield* make.pipe(
          Effect.provide(Layer.merge(env, Layer.succeed(HttpClient.HttpClient, echo(200, "text")))),
          Effect.flip
        )
        assertHidden(error, "the refusal")
        assert.match(String(error), /got "/)
      }
    }))

  it("is shown without user, password and query", () => {
    assert.strictEqual(
      Address.show(`https://ada:${secret}@gpu.example.com:8080/v1/?key=${secret}#${secret}`),
      "https://gpu.example.com:8080/v1"
    )
    assert.strictEqual(Address.show(`ada:${secret}@gpu.local:11434`), "gpu.local:11434")
    assert.strictEqual(Address.show(":11434"), "127.0.0.1:11434")
    assert.strictEqual(Address.show(" gpu local "), "gpu local")
  })
})
