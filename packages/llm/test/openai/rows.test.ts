/** Every row of the servers of chat completions: what it says is what is sent. */
import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import type * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Schema from "effect/Schema"
import { collect, generate } from "../providerOptions.ts"

type Name = keyof typeof OpenAiProvider.presets
const rows = Object.values<OpenAiProvider.Preset>(OpenAiProvider.presets)

const Weather = Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
const Time = Tool.make("time", { success: Schema.String })

interface Sent {
  readonly url: string
  readonly headers: HttpClientRequest.HttpClientRequest["headers"]
  readonly body: Readonly<Record<string, unknown>>
}

/** A server of which only the last request is of interest. */
const server = (reply: () => Response) => {
  const sent: Array<Sent> = []
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => {
      const { body, headers } = request
      const text = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "{}"
      sent.push({ url: url.href, headers, body: JSON.parse(text) as Sent["body"] })
      return HttpClientResponse.fromWeb(request, reply())
    })
  )
  return { client, last: () => sent.at(-1) ?? assert.fail("nothing was sent"), sent }
}

const answer = () => Response.json({ choices: [{ message: { content: "{\"n\":1}" }, finish_reason: "stop" }] })

const url = "https://account.example/v1"

const configured = (
  { baseUrl, location, model, name, variables }: OpenAiProvider.Preset,
  client: HttpClient.HttpClient,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Provider.Provider, unknown> =>
  OpenAiProvider.makeConfig({ preset: name as Name }).pipe(
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
      ...(location === "cloud" ? { [`${variables}_API_KEY`]: "secret-key" } : {}),
      ...(baseUrl === undefined ? { [`${variables}_BASE_URL`]: url } : {}),
      ...(model === undefined ? { [`${variables}_MODEL`]: "m" } : {}),
      ...env
    })))
  )

describe.each(rows.map((row) => [row.name, row] as const))("the row %s", (name, row) => {
  it.effect("sends the key, the model and the request to the URL that it names", () =>
    Effect.gen(function*() {
      const { client, last } = server(answer)
      const provider = yield* configured(row, client)
      yield* generate(provider)
      const { body, headers, url: to } = last()
      assert.strictEqual(to, `${row.baseUrl ?? url}/chat/completions`)
      assert.strictEqual(provider.location, row.location)
      assert.strictEqual(body["model"], row.model ?? "m")
      const key = row.location === "local"
        ? undefined
        : row.keyHeader === "authorization"
        ? "Bearer secret-key"
        : "secret-key"
      assert.strictEqual(headers[row.keyHeader], key)
      assert.match(row.source, /^https:\/\//)
      assert.strictEqual(ProviderChain.servers[name as Name].source, row.source)
    }))

  it.effect("asks for tools, a schema and usage in the form that the server takes", () =>
    Effect.gen(function*() {
      const { client, last } = server(answer)
      const provider = yield* configured(row, client)
      yield* Effect.exit(generate(provider, { tools: [Weather, Time], toolChoice: { tool: "weather" } }))
      assert.strictEqual(typeof last().body["tool_choice"] === "string", row.toolChoice === "required")
      yield* generate(provider, {
        responseFormat: { type: "json", objectName: "n", schema: Schema.Struct({ n: Schema.Finite }) }
      })
      const { messages, response_format } = last().body as {
        messages: ReadonlyArray<{ role: string; content: string }>
        response_format: { type: string }
      }
      assert.strictEqual(response_format.type, row.structuredBy === "schema" ? "json_schema" : "json_object")
      assert.strictEqual(
        messages.some(({ content, role }) => role === "system" && content.includes("\"n\"")),
        row.structuredBy === "instruction"
      )
      yield* Effect.exit(collect(provider))
      assert.strictEqual("stream_options" in last().body, row.usage === "asked")
      yield* generate(provider, {
        prompt: Prompt.make([
          {
            role: "assistant",
            content: [
              Prompt.toolCallPart({ id: "toolu_0123456789", name: "weather", params: {}, providerExecuted: false })
            ]
          },
          {
            role: "tool",
            content: [
              Prompt.toolResultPart({
                id: "toolu_0123456789",
                name: "weather",
                result: "fine",
                isFailure: false,
                providerExecuted: false
              })
            ]
          }
        ])
      })
      const [call, result] = last().body["messages"] as [
        { tool_calls: [{ id: string }] },
        { tool_call_id: string }
      ]
      assert.strictEqual(call.tool_calls[0].id, result.tool_call_id)
      assert.strictEqual(/^[a-zA-Z0-9]{9}$/.test(result.tool_call_id), row.callIds === "nine")
    }))

  it.effect("checks in preflight what the server can say without an answer", () =>
    Effect.gen(function*() {
      const list = server(() => Response.json({ data: [{ id: row.model ?? "m" }] }))
      yield* (yield* configured(row, list.client)).preflight
      assert.strictEqual(new URL(list.last().url).pathname.endsWith("/models"), row.models !== "unlisted")
      const refuse = (status: number, message: string) =>
        Effect.flatMap(
          configured(row, server(() => Response.json({ error: { message } }, { status })).client),
          (provider) => Effect.exit(provider.preflight)
        )
      assert.strictEqual((yield* refuse(401, "Incorrect API key"))._tag, "Failure")
      assert.strictEqual((yield* refuse(404, "The model `m` does not exist"))._tag, "Failure")
      assert.strictEqual((yield* refuse(400, "Unknown model: m"))._tag, "Failure")
      const empty = yield* refuse(400, "messages must not be empty")
      assert.strictEqual(empty._tag, row.models === "unlisted" ? "Success" : "Failure")
    }))
})

describe("rows", () => {
  it.effect("of Azure take the resource's URL alone, and the variable of its own client", () =>
    Effect.gen(function*() {
      const { client, last } = server(answer)
      const { azure } = OpenAiProvider.presets
      const configuredBy = (env: Readonly<Record<string, string>>) =>
        OpenAiProvider.makeConfig({ preset: "azure" }).pipe(
          Effect.provideService(HttpClient.HttpClient, client),
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ AZURE_OPENAI_MODEL: "d", ...env })))
        )
      for (
        const [given, expected] of [
          ["https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/chat/completions"],
          ["https://r.openai.azure.com/", "https://r.openai.azure.com/openai/v1/chat/completions"],
          ["https://r.openai.azure.com/openai/v1/", "https://r.openai.azure.com/openai/v1/chat/completions"],
          [
            "https://r.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
          ]
        ] as const
      ) {
        yield* generate(yield* configuredBy({ AZURE_OPENAI_ENDPOINT: given, AZURE_OPENAI_BASE_URL: " " }))
        assert.strictEqual(last().url, expected)
      }
      const missing = yield* Effect.flip(configuredBy({ AZURE_OPENAI_API_KEY: "k" }))
      assert.include(missing.message, `Set AZURE_OPENAI_BASE_URL to the URL of the API: ${azure.exampleUrl}`)
      assert.throws(
        () => OpenAiProvider.make({ preset: "azure", model: "d" }),
        /baseUrl must be given for the preset "azure"/
      )
    }))

  it("have names and variables of their own", () => {
    const servers = Object.values<ProviderChain.Server>(ProviderChain.servers)
    assert.strictEqual(new Set(servers.map(({ variables }) => variables.model)).size, servers.length)
    for (const [name, server] of Object.entries(ProviderChain.servers)) assert.strictEqual(server.name, name)
    for (const { advice, settings } of servers) assert.include(advice, settings[0])
    assert.deepInclude(ProviderChain.servers.anthropic, {
      model: AnthropicProvider.defaultModel,
      baseUrl: AnthropicProvider.defaultBaseUrl
    })
    assert.deepInclude(ProviderChain.servers.gemini, {
      model: GeminiProvider.defaultModel,
      baseUrl: GeminiProvider.defaultBaseUrl
    })
    assert.deepInclude(ProviderChain.servers.ollama, {
      model: OllamaProvider.defaultModel,
      baseUrl: OllamaProvider.defaultHost
    })
    assert.deepInclude(ProviderChain.servers["ollama-cloud"], {
      model: OllamaProvider.defaultCloudModel,
      baseUrl: OllamaProvider.defaultCloudHost
    })
  })
})
