/**
 * Which protocol takes a file of which type in which form. The table of `docs/providers.md` says it, compared with the vendors' documents;
 * here every provider is asked with every file in every form, and the two have to be the same.
 */
import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import { detail } from "@holdfast/llm/ProviderFailure"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"

const apiKey = Redacted.make("sk-files-1234")

const bytes = {
  "image/png": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "image/tiff": "SUkqAAgAAAA=",
  "application/pdf": "JVBERi0xLjQKJSVFT0YK",
  "text/csv": "YSxiCjEsMg==",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "UEsDBBQ=",
  "audio/wav": "UklGRiQAAABXQVZFZm10IA==",
  "video/mp4": "AAAAGGZ0eXBtcDQy",
  "application/zip": "UEsDBBQ="
} as const
type MediaType = keyof typeof bytes

/** The columns of the table. */
const protocols = {
  "chat completions (OpenAI)": OpenAiProvider.make({ apiKey, model: "m" }),
  "Responses": OpenAiResponsesProvider.make({ apiKey, model: "m" }),
  "Messages (Anthropic)": AnthropicProvider.make({ apiKey, model: "m" }),
  "Gemini": GeminiProvider.make({ apiKey, model: "m" }),
  "Converse (Bedrock)": BedrockProvider.make({ apiKey, model: "m", region: "us-east-1" }),
  "Ollama": OllamaProvider.make({ model: "m" })
}
type Protocol = keyof typeof protocols

/** Asks a provider with one part of a file. Returns its request's body, or the reason why nothing was sent. */
const bodyOf = (protocol: Protocol, part: Prompt.UserMessagePartEncoded) =>
  Effect.gen(function*() {
    let body = ""
    const client = HttpClient.make((request) =>
      Effect.sync(() => {
        body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "?"
        return HttpClientResponse.fromWeb(request, new Response("{}", { status: 401 }))
      })
    )
    const provider = yield* Effect.provideService(protocols[protocol], HttpClient.HttpClient, client)
    const model = ProviderChain.layerNoop(provider)
    const error = yield* Effect.flip(
      LanguageModel.generateText({ prompt: Prompt.make([{ role: "user", content: [part] }]) }).pipe(
        Effect.provide(model)
      )
    )
    return body === "" ? { refused: error.reason } : { body }
  })

const ids = { openai: { fileId: "file-of-openai" }, anthropic: { fileId: "file_of_anthropic" } }

/** The forms in which a protocol takes a file: what of it is in the request. */
const cellOf = (protocol: Protocol, mediaType: MediaType) =>
  Effect.gen(function*() {
    const data = bytes[mediaType]
    const file = { type: "file", mediaType } as const
    const text = Buffer.from(data, "base64").toString("utf8")
    const url = `https://files.local/a`
    const forms: Array<string> = []
    const inline = yield* bodyOf(protocol, { ...file, data })
    if (inline.body?.includes(data)) forms.push("data")
    else if (inline.body?.includes(JSON.stringify(text).slice(1, -1))) forms.push("as text")
    else assert.isUndefined(inline.body, `${protocol}: ${mediaType} was dropped: ${inline.body}`)
    const byUrl = yield* bodyOf(protocol, { ...file, data: new URL(url) })
    if (byUrl.body?.includes(url)) forms.push("URL")
    else assert.isUndefined(byUrl.body, `${protocol}: a URL of ${mediaType} was dropped: ${byUrl.body}`)
    const s3 = yield* bodyOf(protocol, { ...file, data: "s3://bucket/a" })
    if (s3.body?.includes("s3Location")) forms.push("S3")
    const byId = yield* bodyOf(protocol, { ...file, data: new URL(url), options: ids })
    if (byId.body?.includes("file-of-openai") || byId.body?.includes("file_of_anthropic")) forms.push("id")
    for (const { refused } of [inline, byUrl]) {
      if (refused === undefined) continue
      // The chain goes on to the next provider: the refusal is about this one.
      assert.strictEqual(refused._tag, "InvalidRequestError")
      assert.strictEqual(detail(refused).kind, "unsupported")
    }
    return forms.length === 0 ? "-" : forms.join(", ")
  })

/** The table of the documentation: cells by media type and protocol. */
const table = () => {
  const page = readFileSync(new URL("../../../../../docs/providers.md", import.meta.url), "utf8")
  const rows = /## Files\n[^]*?\n(\|[^]*?)\n\n/u.exec(page)?.[1]?.split("\n") ?? []
  const cells = rows.map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", "")))
  const [[, ...columns] = [], , ...lines] = cells
  return { columns, lines }
}

describe("files", () => {
  it("have a table of every protocol and type", () => {
    const { columns, lines } = table()
    assert.deepStrictEqual(columns, Object.keys(protocols))
    assert.deepStrictEqual(lines.map(([type]) => type), Object.keys(bytes).map((type) => type.split(".").at(-1)))
  })

  it.effect.each(Object.keys(bytes) as ReadonlyArray<MediaType>)(
    "are sent as the table says: %s",
    (mediaType) =>
      Effect.gen(function*() {
        const { columns, lines } = table()
        const names = Object.keys(protocols) as ReadonlyArray<Protocol>
        const found = yield* Effect.forEach(names, (protocol) => cellOf(protocol, mediaType))
        const [, ...told] = lines.find(([type]) => type === mediaType.split(".").at(-1)) ?? []
        assert.deepStrictEqual(
          Object.fromEntries(names.map((name, i) => [name, found[i]])),
          Object.fromEntries(columns.map((name, i) => [name, told[i]]))
        )
      })
  )

  it.effect("have the id of the account that is asked, and their data where that account has none", () =>
    Effect.gen(function*() {
      const sent: Array<string> = []
      const client = HttpClient.make((request) =>
        Effect.sync(() => {
          sent.push(request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "?")
          return HttpClientResponse.fromWeb(request, new Response("{}", { status: 401 }))
        })
      )
      const data = bytes["application/pdf"]
      const fileIds = { "key-a": "file-1", "key-b": "file-2", constructor: "file-3" }
      const ask = (openai: Record<string, Schema.Json>) =>
        Effect.gen(function*() {
          sent.length = 0
          const content = [{ type: "file" as const, mediaType: "application/pdf", data, options: { openai } }]
          const providers = (["key-a", "key-b", "key-c", "toString"] as const).map((name) =>
            OpenAiProvider.make({ name, apiKey, model: "m" })
          )
          const [first, ...others] = yield* Effect.provideService(Effect.all(providers), HttpClient.HttpClient, client)
          if (first === undefined) return assert.fail("no provider")
          yield* Effect.exit(
            LanguageModel.generateText({ prompt: Prompt.make([{ role: "user", content }]) }).pipe(
              Effect.provide(ProviderChain.layer({ providers: [first, ...others] }))
            )
          )
          return sent.map((body) =>
            /"file_id":"([^"]*)"/u.exec(body)?.[1] ?? (body.includes(data) ? "data" : "nothing")
          )
        })
      assert.deepStrictEqual(yield* ask({ fileIds }), ["file-1", "file-2", "data", "data"])
      assert.deepStrictEqual(yield* ask({ fileIds, fileId: "any" }), ["file-1", "file-2", "any", "any"])
      assert.deepStrictEqual(yield* ask({ fileId: "any" }), ["any", "any", "any", "any"])
    }))

  it.effect("go to the next provider where one takes none of their type, and nothing is sent to the first", () =>
    Effect.gen(function*() {
      let sent = 0
      const client = HttpClient.make((request) =>
        Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("{}", { status: ++sent })))
      )
      const ollama = yield* Effect.provideService(OllamaProvider.make({ model: "m" }), HttpClient.HttpClient, client)
      const next = TestProvider.script("next", [TestProvider.text("It is a report")])
      const events: Array<ChainEvent.ChainEvent> = []
      const prompt = Prompt.make([{
        role: "user",
        content: [{ type: "file", mediaType: "application/pdf", data: bytes["application/pdf"] }]
      }])
      const { text } = yield* LanguageModel.generateText({ prompt }).pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide(ProviderChain.layer({ providers: [ollama, next] }))
      )
      assert.deepStrictEqual([text, sent], ["It is a report", 0])
      const [failed] = events.flatMap((event) => event._tag === "AttemptFailed" ? [event.decision] : [])
      assert.deepInclude(failed, { _tag: "Fallback", cooldown: false })
    }))

  it.effect("have the id of the vendor that is asked, and their data where that vendor has none", () =>
    Effect.gen(function*() {
      const pdf = {
        type: "file" as const,
        mediaType: "application/pdf",
        data: bytes["application/pdf"],
        options: { openai: ids.openai }
      }
      const { body: responses = "" } = yield* bodyOf("Responses", pdf)
      assert.include(responses, `{"type":"input_file","file_id":"file-of-openai"}`)
      const { body: chat = "" } = yield* bodyOf("chat completions (OpenAI)", pdf)
      assert.include(chat, `{"type":"file","file":{"file_id":"file-of-openai"}}`)
      const { body: messages = "" } = yield* bodyOf("Messages (Anthropic)", pdf)
      assert.include(messages, bytes["application/pdf"])
      assert.notInclude(messages, "file-of-openai")
    }))
})
