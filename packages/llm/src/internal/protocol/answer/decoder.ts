/**
 * Decodes the bytes of a body into its items, wherever they are split: in the middle of a character, between CR and LF, anywhere.
 * The bytes decide the framing, not the request: a server may answer a request for a stream with one JSON text, and a request
 * for one JSON text with a stream. The memory that a server can make the decoder use is limited.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts`, `test/corpus/answers/answers.test.ts` and
 * `test/protocol/authorship.test.ts`.
 */
import { createParser } from "eventsource-parser"

/** Decodes one body. */
export interface Decoder<out Item> {
  /** Gives the items that these bytes made whole. */
  readonly feed: (bytes: Uint8Array, onItem: (item: Item) => void) => void
  /** The body has ended: gives what its last bytes are, if they end like an item. */
  readonly end: (onItem: (item: Item) => void) => void
  /** Whether an item grew beyond the limit. Whatever follows is not read. */
  readonly overflowed: () => boolean
}

/** How many characters of an unfinished item are kept: 10 Mi, as in Effect's own decoder. */
export const defaultLimit = 10 * 1024 * 1024

/** One item of a body: an event of a server-sent stream, or a JSON text. */
export interface Item {
  /** The `event` field, absent where that is empty too. */
  readonly event?: string | undefined
  readonly data: string
}

interface Options {
  readonly limit?: number | undefined
}

/** The items of a text that comes in pieces. */
interface Reader {
  readonly read: (text: string, onItem: (item: Item) => void) => void
  readonly end: (onItem: (item: Item) => void) => void
  readonly overflowed: () => boolean
}

const decoding = (reader: Reader): Decoder<Item> => {
  const utf8 = new TextDecoder()
  return {
    feed: (bytes, onItem) => reader.read(utf8.decode(bytes, { stream: true }), onItem),
    end: (onItem) => {
      reader.read(utf8.decode(), onItem)
      reader.end(onItem)
    },
    overflowed: reader.overflowed
  }
}

// -----------------------------------------------------------------------------
// Events
// -----------------------------------------------------------------------------

/** How deep a JSON text is after a line, and whether it is inside of a string. */
const scan = (line: string, state: { depth: number; quoted: boolean }): void => {
  for (let i = 0; i < line.length; i++) {
    const char = line[i]
    if (state.quoted) {
      if (char === "\\") i++
      else if (char === "\"") state.quoted = false
    } else if (char === "\"") state.quoted = true
    else if (char === "{" || char === "[") state.depth++
    else if (char === "}" || char === "]") state.depth--
  }
}

/** Lines that are not SSE's and yet an error: `error: {...}` of llama.cpp up to 2025, and bare JSON of gateways and Gemini. */
const stray = /(^|[\r\n])(?:error:|\{|\[\s*(?:\{|[\r\n]))/

/** Whether a text of whole lines may hold one of these: only where a line begins is looked at, for most lines are of `data`. */
const hasStray = (text: string): boolean => {
  if (text.includes("\r")) return stray.test(text)
  for (let at = 0; at !== text.length; at = text.indexOf("\n", at) + 1 || text.length) {
    const first = text[at]
    if (first === "e" || first === "{" || first === "[") return stray.test(text)
  }
  return false
}

const readEvents = (limit: number): Reader => {
  let give: (event: Item) => void = () => undefined
  let overflowed = false
  let pending = ""
  const parser = createParser({
    maxBufferSize: limit,
    onEvent: (event) => give(event),
    onError: ({ type }) => {
      if (type === "max-buffer-size-exceeded") overflowed = true
    }
  })
  /** A stray JSON text that is written over several lines. */
  let open = ""
  const state = { depth: 0, quoted: false }
  const repair = (line: string): string => {
    if (open === "") {
      if (line.startsWith("error:")) return `event:error\ndata:${line.slice("error:".length)}`
      if (!stray.test(line)) return line
      state.depth = 0
      state.quoted = false
    }
    scan(line, state)
    open += ` ${line.trim()}`
    if (state.depth > 0 || state.quoted) return ""
    const data = open
    open = ""
    return `\r\rdata:${data}\n`
  }
  const lines = (text: string): void => {
    parser.feed(open !== "" || hasStray(text) ? text.split(/(?<=\n|\r(?!\n))/).map(repair).join("") : text)
    if (open.length > limit) overflowed = true
  }
  return {
    // Whole lines, so that no cut hides where one begins.
    read: (text, onEvent) => {
      if (overflowed) return
      give = onEvent
      const end = Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r")) + 1
      if (end > 0) lines(pending + text.slice(0, end))
      const rest = text.slice(end)
      if (end > 0) pending = ""
      // Of a comment nothing is kept, however long it is. Only the beginning of a line is looked at: that of a long one is not
      // flattened with every piece.
      if (pending === "") pending = rest.startsWith(":") ? ":" : rest
      else if (pending !== ":") pending += rest
      if (pending.length > limit) overflowed = true
    },
    end: (onEvent) => {
      if (overflowed) return
      give = onEvent
      lines(`${pending}\n\n`)
      pending = ""
    },
    overflowed: () => overflowed
  }
}

/**
 * Server-sent events (WHATWG HTML, 9.2.6), by `eventsource-parser`: of what was measured in `benchmark/decoding.ts` the
 * fastest. Comments, `id` and `retry` are passed over. A line that is not a field of SSE's but begins with `error:` or `{` is read
 * as an event: servers write errors so.
 */
export const events = (options?: Options): Decoder<Item> => decoding(readEvents(options?.limit ?? defaultLimit))

// -----------------------------------------------------------------------------
// JSON texts
// -----------------------------------------------------------------------------

const readLines = (limit: number): Reader => {
  let pending = ""
  /** The lines of a JSON text that is written over several of them. */
  let open = ""
  const state = { depth: 0, quoted: false }
  let overflowed = false
  const onLine = (line: string, onItem: (item: Item) => void): void => {
    if (open === "") {
      if (line === "") return
      const first = line.trimStart()
      // A line is a text of its own unless it opens one and does not close it.
      if (!(first.startsWith("{") || first.startsWith("[")) || /[\]}]\s*$/.test(line)) return onItem({ data: line })
    }
    scan(line, state)
    open += `${line}\n`
    if (state.depth > 0 || state.quoted) return
    const data = open
    open = ""
    state.depth = 0
    onItem({ data })
  }
  return {
    read: (raw, onItem) => {
      if (overflowed) return
      // A bare CR ends a line too: inside of a JSON text it is but space.
      const text = raw.includes("\r") ? raw.replaceAll("\r", "\n") : raw
      let start = 0
      for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
        const line = pending === "" ? text.slice(start, end) : pending + text.slice(start, end)
        pending = ""
        start = end + 1
        onLine(line, onItem)
      }
      pending += text.slice(start)
      overflowed = pending.length + open.length > limit
    },
    end: (onItem) => {
      const data = open + pending
      open = ""
      pending = ""
      if (!overflowed && data.trim() !== "") onItem({ data })
    },
    overflowed: () => overflowed
  }
}

/** JSON texts: one a line (NDJSON), or one over several lines. */
export const lines = (options?: Options): Decoder<Item> => decoding(readLines(options?.limit ?? defaultLimit))

// -----------------------------------------------------------------------------
// Either
// -----------------------------------------------------------------------------

export type Framing = "events" | "lines"

export interface SniffingDecoder extends Decoder<Item> {
  /** What the bytes turned out to be; `undefined` while there were none but space. */
  readonly framing: () => Framing | undefined
}

const fieldsOfSse = ["data", "event", "id", "retry", ":"]

/**
 * Reads what the bytes are: JSON texts where the first character opens one, events where the first line is a field of SSE's,
 * and otherwise what was asked for.
 */
export const sniffing = (asked: Framing, options?: Options): SniffingDecoder => {
  const limit = options?.limit ?? defaultLimit
  let framing: Framing | undefined
  let reader: Reader | undefined
  let head = ""
  const choose = (isEnd: boolean): Reader | undefined => {
    const first = head.trimStart()
    if (first === "" && !isEnd) return undefined
    if (/^[{[]/.test(first)) framing = "lines"
    else if (asked === "lines") {
      if (!isEnd && fieldsOfSse.some((field) => field.startsWith(first))) return undefined
      framing = fieldsOfSse.some((field) => first.startsWith(field)) ? "events" : "lines"
    } else framing = "events"
    return framing === "lines" ? readLines(limit) : readEvents(limit)
  }
  const read = (text: string, isEnd: boolean, onItem: (item: Item) => void): void => {
    if (reader !== undefined) return reader.read(text, onItem)
    head += text
    reader = choose(isEnd)
    if (reader === undefined) return
    const all = head
    head = ""
    reader.read(all, onItem)
  }
  const utf8 = new TextDecoder()
  return {
    feed: (bytes, onItem) => read(utf8.decode(bytes, { stream: true }), false, onItem),
    end: (onItem) => {
      read(utf8.decode(), true, onItem)
      reader?.end(onItem)
    },
    overflowed: () => reader?.overflowed() ?? head.length > limit,
    framing: () => framing
  }
}
