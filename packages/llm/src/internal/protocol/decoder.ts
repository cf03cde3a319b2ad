/**
 * Bytes of a body into the items of its protocol, however they were cut: in the middle of a character, between CR and LF,
 * anywhere. What a server may make a reader hold in memory is limited.
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

/** How many characters of an unfinished item are kept: 10 Mi, as Effect's own decoder does. */
export const defaultLimit = 10 * 1024 * 1024

/** One event of a server-sent stream. */
export interface Event {
  /** Its `event` field, none where that is empty too. */
  readonly event?: string | undefined
  readonly data: string
}

/**
 * Server-sent events (WHATWG HTML, 9.2.6), by `eventsource-parser`: of what was measured in `benchmark/decoding.ts` the
 * fastest. Comments, `id` and `retry` are passed over.
 *
 * `errorField` reads a line `error: ...` as an event of that name, as servers of llama.cpp up to 2025 meant it.
 */
export const events = (options?: {
  readonly limit?: number | undefined
  readonly errorField?: boolean | undefined
}): Decoder<Event> => {
  const limit = options?.limit ?? defaultLimit
  const utf8 = new TextDecoder()
  let give: (event: Event) => void = () => undefined
  let overflowed = false
  const parser = createParser({
    maxBufferSize: limit,
    onEvent: (event) => give(event),
    onError: ({ type }) => {
      if (type === "max-buffer-size-exceeded") overflowed = true
    }
  })
  const repair = options?.errorField === true ? errorFields() : undefined
  const read = (text: string, onEvent: (event: Event) => void): void => {
    if (overflowed) return
    give = onEvent
    parser.feed(repair === undefined ? text : repair.lines(text))
    if (repair !== undefined && repair.kept() > limit) overflowed = true
  }
  return {
    feed: (bytes, onEvent) => read(utf8.decode(bytes, { stream: true }), onEvent),
    end: (onEvent) => read(`${utf8.decode()}\n\n`, onEvent),
    overflowed: () => overflowed
  }
}

/** Whole lines only, so that no cut hides where one begins. */
const errorFields = () => {
  let pending = ""
  return {
    lines: (text: string): string => {
      const end = Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r")) + 1
      const lines = end === 0 ? "" : pending + text.slice(0, end)
      pending = end === 0 ? pending + text : text.slice(end)
      return lines.replaceAll(/(^|[\r\n])error:/g, "$1event:error\ndata:")
    },
    kept: () => pending.length
  }
}

/**
 * Lines that are not empty (NDJSON). A bare CR ends one too: inside a JSON text it can be but space.
 */
export const lines = (options?: { readonly limit?: number | undefined }): Decoder<string> => {
  const limit = options?.limit ?? defaultLimit
  const utf8 = new TextDecoder()
  let pending = ""
  let overflowed = false
  const read = (text: string, onLine: (line: string) => void): void => {
    if (overflowed) return
    let start = 0
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      const line = pending === "" ? text.slice(start, end) : pending + text.slice(start, end)
      pending = ""
      start = end + 1
      if (line !== "") onLine(line)
    }
    pending += text.slice(start)
    overflowed = pending.length > limit
  }
  const unify = (text: string): string => text.includes("\r") ? text.replaceAll("\r", "\n") : text
  return {
    feed: (bytes, onLine) => read(unify(utf8.decode(bytes, { stream: true })), onLine),
    end: (onLine) => read(`${unify(utf8.decode())}\n`, onLine),
    overflowed: () => overflowed
  }
}
