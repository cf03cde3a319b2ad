/**
 * How fast streams of answers become events and lines, beside `eventsource-parser`, Effect's own and what is written by hand:
 * `node packages/llm/benchmark/decoding.ts --help`.
 *
 * Everybody starts from bytes, as they come from a socket, and ends with the data of each event, or with each line as a
 * value. "JSON.parse alone" is given the lines as texts: nobody who reads a stream can be faster.
 */
import * as Effect from "effect/Effect"
import * as Ndjson from "effect/encoding/Ndjson"
import * as Sse from "effect/encoding/Sse"
import * as Stream from "effect/Stream"
import { createParser } from "eventsource-parser"
import { availableParallelism, loadavg } from "node:os"
import { parseArgs } from "node:util"
import * as Decoder from "../src/internal/protocol/answer/decoder.ts"
import { interleave, table } from "./internal/rounds.ts"

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})
if (flags.help) {
  process.stdout.write(`Decoding of server-sent events and NDJSON, in MB/s of what came.

  node packages/llm/benchmark/decoding.ts [--rounds N] [--quick]

  --rounds N  how often each candidate runs; the median is told (default 25)
  --quick     5 short rounds
  --help      this text
`)
  process.exit()
}
const rounds = Math.floor(Number(flags.rounds ?? (flags.quick ? 5 : 25)))
if (!(rounds >= 1)) throw new RangeError(`--rounds must be a whole number >= 1, got ${flags.rounds}`)
const size = flags.quick ? 2_000_000 : 8_000_000

// A token an event, as the vendors send them.
const words = [
  "The",
  " sky",
  " is",
  " blue",
  " because",
  " of",
  " Rayleigh",
  " scattering",
  ",",
  " Grüße",
  " 世界",
  " 🌍"
]
const repeated = (item: (word: string) => string): string => {
  let text = ""
  for (let i = 0; text.length < size; i++) text += item(words[i % words.length]!)
  return text
}
const sse = repeated((content) =>
  `data: ${
    JSON.stringify({
      id: "chatcmpl-9aBcDeFgHiJkLmNoP",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "gpt-5-mini",
      system_fingerprint: "fp_44709d6fcb",
      choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }]
    })
  }\n\n`
)
const ndjson = repeated((content) =>
  `${
    JSON.stringify({
      model: "llama3.2",
      created_at: "2026-11-24T12:00:00.123456Z",
      message: { role: "assistant", content },
      done: false
    })
  }\n`
)

type Pieces = ReadonlyArray<Uint8Array>
const cut = (text: string, length: number): Pieces => {
  const bytes = new TextEncoder().encode(text)
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) => bytes.slice(i * length, (i + 1) * length))
}

/** Both decode all pieces and count what came out, so that nothing can be left out. */
type Candidates = Readonly<Record<string, (pieces: Pieces) => number | Promise<number>>>

const readEvents: Candidates = {
  "Holdfast": (pieces) => {
    const decoder = Decoder.events()
    let count = 0
    const onEvent = (event: Decoder.Item) => {
      count += event.data.length
    }
    for (const piece of pieces) decoder.feed(piece, onEvent)
    return count
  },
  "eventsource-parser": (pieces) => {
    let count = 0
    const utf8 = new TextDecoder()
    const parser = createParser({
      onEvent: (event) => {
        count += event.data.length
      }
    })
    for (const piece of pieces) parser.feed(utf8.decode(piece, { stream: true }))
    return count
  },
  "Effect's Sse": (pieces) => {
    let count = 0
    const utf8 = new TextDecoder()
    const parser = Sse.makeParser((event) => {
      if (event._tag === "Event") count += event.data.length
    })
    for (const piece of pieces) parser.feed(utf8.decode(piece, { stream: true }))
    return count
  },
  "split by hand": (pieces) => {
    let count = 0
    let pending = ""
    const utf8 = new TextDecoder()
    for (const piece of pieces) {
      const events = (pending + utf8.decode(piece, { stream: true })).split("\n\n")
      pending = events.pop()!
      for (const event of events) count += event.slice(6).length
    }
    return count
  }
}

const whole = ndjson.split("\n").slice(0, -1)
const count = (value: unknown): number => (value as { message: { content: string } }).message.content.length

const readLines: Candidates = {
  "Holdfast": (pieces) => {
    const decoder = Decoder.lines()
    let sum = 0
    const onLine = ({ data }: Decoder.Item) => {
      sum += count(JSON.parse(data))
    }
    for (const piece of pieces) decoder.feed(piece, onLine)
    return sum
  },
  "JSON.parse alone": () => {
    let sum = 0
    for (const line of whole) sum += count(JSON.parse(line))
    return sum
  },
  "Effect's Ndjson": (pieces) =>
    Stream.fromIterable(pieces, { chunkSize: 1 }).pipe(
      Stream.pipeThroughChannel(Ndjson.decode()),
      Stream.runFold(() => 0, (sum, value) => sum + count(value)),
      Effect.runPromise
    ),
  "split and JSON.parse": (pieces) => {
    let sum = 0
    let pending = ""
    const utf8 = new TextDecoder()
    for (const piece of pieces) {
      const lines = (pending + utf8.decode(piece, { stream: true })).split("\n")
      pending = lines.pop()!
      for (const line of lines) sum += count(JSON.parse(line))
    }
    return sum
  }
}

process.stdout.write(
  `node ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}, ` +
    `MB/s, medians of ${rounds} rounds\n\n`
)
const chunkings = [512, 16_384]
const tell = async (title: string, text: string, candidates: Candidates, baseline: string): Promise<void> => {
  const bytes = new TextEncoder().encode(text).length
  const columns: Array<Readonly<Record<string, { readonly rate: number }>>> = []
  for (const length of chunkings) {
    const pieces = cut(text, length)
    const expected = await candidates["Holdfast"]!(pieces)
    const measured = Object.entries(candidates).map(([name, run]) =>
      [name, async () => {
        const start = performance.now()
        const counted = await run(pieces)
        const rate = bytes / 1000 / (performance.now() - start)
        if (counted !== expected) throw new Error(`${name} counted ${counted}, not ${expected}`)
        return { rate }
      }] as const
    )
    columns.push(await interleave(Object.fromEntries(measured), rounds))
  }
  const rows = Object.keys(candidates).map((name) =>
    [name].concat(columns.flatMap((column) => [
      column[name]!.rate.toFixed(0),
      (column[name]!.rate / column[baseline]!.rate).toFixed(2)
    ]))
  )
  const head = [title, ...chunkings.flatMap((length) => [`chunks of ${length} B`, `to ${baseline}`])]
  process.stdout.write(`${table(head, rows)}\n`)
}
await tell("server-sent events", sse, readEvents, "eventsource-parser")
await tell("NDJSON", ndjson, readLines, "JSON.parse alone")
