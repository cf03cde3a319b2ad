import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import type * as Provider from "@holdfast/llm/Provider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Schema from "effect/Schema"
import { law } from "../../../../../vitest.law.ts"
import * as Decoder from "../../../src/internal/protocol/answer/decoder.ts"
import { collect, generate } from "../../providerOptions.ts"

const utf8 = new TextEncoder()

/** Cuts bytes at positions that are taken round the end, so that any numbers will do. */
const cutAt = (bytes: Uint8Array, cuts: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end))
}

const fed = <A>(decoder: Decoder.Decoder<A>, bytes: Uint8Array): ReadonlyArray<A> => {
  const items: Array<A> = []
  decoder.feed(bytes, (item) => items.push(item))
  return items
}

const ended = <A>(decoder: Decoder.Decoder<A>): ReadonlyArray<A> => {
  const items: Array<A> = []
  decoder.end((item) => items.push(item))
  return items
}

const decode = <A>(decoder: Decoder.Decoder<A>, pieces: ReadonlyArray<Uint8Array>): ReadonlyArray<A> => [
  ...pieces.flatMap((piece) => fed(decoder, piece)),
  ...ended(decoder)
]

const named = ({ data, event }: Decoder.Item) => ({ name: event ?? "", data })

const Cuts = Schema.Array(Schema.Literals([0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987]))
const Words = Schema.Array(
  Schema.Literals([
    "a",
    " ",
    ":",
    "Grüße",
    "世界",
    "🌍",
    "data:",
    "error:",
    "{\"a\":1}",
    "\uFEFF",
    "\u2028",
    "\u0085",
    "\0"
  ])
)
const Eol = Schema.Literals(["\n", "\r\n", "\r"])
const Started = Schema.Literals(["", "\uFEFF", ": hello\n", "\n\r\n"])

/** Lines with ends of their own. CR and then LF would be one end: where that would swallow an empty line, both are CR. */
const join = (lines: ReadonlyArray<string>, ends: ReadonlyArray<typeof Eol.Type>): string => {
  let text = ""
  for (const [i, line] of lines.entries()) {
    const end = ends[i % ends.length] ?? "\n"
    text += line + (line === "" && text.endsWith("\r") && end !== "\r" ? "\r" : end)
  }
  return text
}

describe("events", () => {
  law(
    "gives the events that were written, whatever their line ends and wherever their bytes are cut",
    {
      start: Started,
      events: Schema.Array(Schema.Struct({
        name: Schema.Literals(["", "error", "content_block_delta"]),
        lines: Schema.NonEmptyArray(Words),
        noise: Schema.Literals(["", ": OPENROUTER PROCESSING", "retry: 3000", "id: 7", "unknown", "event"])
      })),
      ends: Schema.Array(Eol),
      cuts: Cuts
    },
    ({ cuts, ends, events, start }) =>
      Effect.sync(() => {
        const lines = events.flatMap(({ lines, name, noise }) => [
          ...(noise === "" ? [] : [noise]),
          ...(name === "" ? [] : [`event: ${name}`]),
          ...lines.map((words) => `data: ${words.join("")}`),
          ""
        ])
        const bytes = utf8.encode(start + join(lines, ends))
        assert.deepStrictEqual(
          decode(Decoder.events(), cutAt(bytes, cuts)).map(named),
          events.map(({ lines, name }) => ({ name, data: lines.map((words) => words.join("")).join("\n") }))
        )
      }),
    { cases: 2_000 }
  )

  law(
    "reads garbage the same wherever it is cut",
    {
      pieces: Schema.Array(
        Schema.Literals([
          "data",
          ":",
          " ",
          "\n",
          "\r",
          "\n\n",
          "event:",
          "error:",
          "id:",
          "é",
          "🌍",
          "x",
          "\uFEFF",
          "retry:1"
        ])
      ),
      byte: Schema.Literals([0x00, 0x80, 0xbf, 0xc3, 0xe2, 0xf0, 0xff]),
      cuts: Cuts
    },
    ({ byte, cuts, pieces }) =>
      Effect.sync(() => {
        const bytes = utf8.encode(pieces.join(""))
        // Not UTF-8 either.
        if (bytes.length > 3) bytes[bytes.length >> 1] = byte
        const events = () => Decoder.events()
        assert.deepStrictEqual(decode(events(), cutAt(bytes, cuts)), decode(events(), [bytes]))
      }),
    { cases: 2_000 }
  )

  it("gives an event with the bytes that end it, a lone CR too", () => {
    const decoder = Decoder.events()
    assert.deepStrictEqual(fed(decoder, utf8.encode("data: a\r")), [])
    assert.deepStrictEqual(fed(decoder, utf8.encode("\r")).map(named), [{ name: "", data: "a" }])
    assert.deepStrictEqual(fed(decoder, utf8.encode("\ndata: b\n\n")).map(named), [{ name: "", data: "b" }])
  })

  it("reads an error field as an event, wherever it is cut", () => {
    const bytes = utf8.encode("data: a\n\nerror: {\"code\":400}\n\ndata: error: no field\n\n")
    for (let cut = 0; cut <= bytes.length; cut++) {
      const events = decode(Decoder.events(), [bytes.slice(0, cut), bytes.slice(cut)])
      assert.deepStrictEqual(events.map(named), [
        { name: "", data: "a" },
        { name: "error", data: "{\"code\":400}" },
        { name: "", data: "error: no field" }
      ])
    }
  })

  it("stops at the limit, within a line and within an event, after what came before", () => {
    for (const endless of ["data: 0123456789", "data: 0123\ndata:456789\n"]) {
      const decoder = Decoder.events({ limit: 20 })
      const seen = fed(decoder, utf8.encode("data: a\n\n")).length
      let pieces = 0
      while (!decoder.overflowed() && pieces < 9) {
        assert.deepStrictEqual(fed(decoder, utf8.encode(endless)), [])
        pieces++
      }
      assert.strictEqual(seen, 1)
      assert.isAtMost(pieces, 3)
      assert.deepStrictEqual(fed(decoder, utf8.encode("\n\ndata: b\n\n")), [])
      assert.deepStrictEqual(ended(decoder), [])
    }
  })

  it("keeps nothing of a comment without an end", () => {
    const decoder = Decoder.events({ limit: 20 })
    for (let i = 0; i < 9; i++) assert.deepStrictEqual(fed(decoder, utf8.encode(": still busy")), [])
    assert.isFalse(decoder.overflowed())
    assert.strictEqual(fed(decoder, utf8.encode("\ndata: a\n\n")).length, 1)
  })
})

describe("lines", () => {
  law(
    "gives the lines that were written, whatever their ends and wherever their bytes are cut",
    { bom: Schema.Boolean, lines: Schema.Array(Words), ends: Schema.Array(Eol), cuts: Cuts, unended: Schema.Boolean },
    ({ bom, cuts, ends, lines, unended }) =>
      Effect.sync(() => {
        const texts = lines.map((words) => `{"n":${words.length},"t":${JSON.stringify(words.join(""))}}`)
        const text = (bom ? "\uFEFF" : "") + join(texts, ends)
        const bytes = utf8.encode(unended ? text.trimEnd() : text)
        assert.deepStrictEqual(decode(Decoder.lines(), cutAt(bytes, cuts)).map(({ data }) => data.trimEnd()), texts)
      }),
    { cases: 2_000 }
  )

  it("stops at the limit, after what came before", () => {
    const decoder = Decoder.lines({ limit: 9 })
    assert.deepStrictEqual(fed(decoder, utf8.encode("{}\n[1,2,3")), [{ data: "{}" }])
    assert.isFalse(decoder.overflowed())
    assert.deepStrictEqual(fed(decoder, utf8.encode(",4,5")), [])
    assert.isTrue(decoder.overflowed())
    assert.deepStrictEqual(fed(decoder, utf8.encode("]\n{}\n")), [])
    assert.deepStrictEqual(ended(decoder), [])
  })
})

describe("a line of 100 MB", () => {
  const size = 100 * 1024 * 1024
  const piece = utf8.encode("x".repeat(65_536))

  /** A server that sends such a line, and counts what is taken of it. */
  const endless = (start: string) => {
    const count = { bytes: 0 }
    const client = HttpClient.make((request) =>
      Effect.sync(() => {
        const body = new ReadableStream({
          start: (controller) => controller.enqueue(utf8.encode(start)),
          pull: (controller) => {
            count.bytes += piece.length
            if (count.bytes > size) controller.close()
            else controller.enqueue(piece)
          }
        })
        return HttpClientResponse.fromWeb(request, new globalThis.Response(body))
      })
    )
    return { count, client }
  }

  const providers: ReadonlyArray<
    readonly [string, string, Effect.Effect<Provider.Provider, never, HttpClient.HttpClient>]
  > = [
    ["openai", "data: {\"id\":\"", OpenAiProvider.make({ baseUrl: "http://pieces" })],
    ["llamacpp", "data: {\"id\":\"", OpenAiProvider.make({ preset: "llamacpp", baseUrl: "http://pieces" })],
    ["anthropic", "data: {\"type\":\"", AnthropicProvider.make({ baseUrl: "http://pieces" })],
    ["ollama", "{\"model\":\"", OllamaProvider.make({ host: "http://pieces" })]
  ]
  it.effect.each(providers)("is refused at the limit, by name: %s", ([name, start, make]) =>
    Effect.gen(function*() {
      const { client, count } = endless(start)
      const provider = yield* Effect.provideService(make, HttpClient.HttpClient, client)
      const error = yield* Effect.flip(collect(provider))
      assert.strictEqual(error.reason._tag, "InvalidResponseError")
      assert.include(error.message, `${name} sent a line or an event of more than 10 Mi characters`)
      assert.isBelow(count.bytes, 11 * 1024 * 1024)
    }))

  it.effect.each(providers)("is refused as a whole answer too: %s", ([name, start, make]) =>
    Effect.gen(function*() {
      const { client, count } = endless(start)
      const provider = yield* Effect.provideService(make, HttpClient.HttpClient, client)
      const error = yield* Effect.flip(generate(provider))
      assert.include(error.message, `${name} sent an answer of more than 64 Mi characters`)
      assert.isBelow(count.bytes, 66 * 1024 * 1024)
    }))
})
