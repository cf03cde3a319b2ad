/**
 * The frames of AWS's event streams ("application/vnd.amazon.eventstream") as lines of JSON, which the reader of answers takes.
 * Lengths and checksums are AWS's own codec's to verify; here is only where a frame begins and ends.
 *
 * Guarded by `test/bedrock/BedrockProvider.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import { EventStreamCodec } from "@smithy/eventstream-codec"
import type * as AiError from "effect/ai/AiError"
import * as Stream from "effect/Stream"

/** What a broken frame becomes. */
export const brokenKey = ":broken"

/** The most bytes of a frame: 16 MiB, AWS's own limit for a payload, and its headers. */
const limit = 17 * 1024 * 1024

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const codec = new EventStreamCodec(
  (input) => typeof input === "string" ? input : decoder.decode(input),
  (text) => encoder.encode(text)
)

const headerOf = (headers: ReturnType<typeof codec.decode>["headers"], name: string): string | undefined => {
  const value = headers[name]?.value
  return typeof value === "string" ? value : undefined
}

const capitalized = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1)

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return { message: text }
  }
}

/** A frame as a JSON text: an event under its type, an exception as the error that it is over HTTP. */
const lineOf = (frame: Uint8Array): string => {
  const { body, headers } = codec.decode(frame)
  const payload = parse(decoder.decode(body))
  switch (headerOf(headers, ":message-type")) {
    case "event":
      return JSON.stringify({ [headerOf(headers, ":event-type") ?? "unknown"]: payload })
    case "exception": {
      const type = capitalized(headerOf(headers, ":exception-type") ?? "unknownException")
      return JSON.stringify({ error: { __type: type, ...(typeof payload === "object" ? payload : {}) } })
    }
    default:
      return JSON.stringify({
        error: {
          __type: headerOf(headers, ":error-code") ?? "InternalFailure",
          message: headerOf(headers, ":error-message") ?? "the stream ended with an error"
        }
      })
  }
}

/** Splits bytes into frames. A body that is JSON from its first byte goes through as it is. */
class Frames {
  private pending: Uint8Array = new Uint8Array()
  private isText: boolean | undefined
  private isBroken = false

  feed(bytes: Uint8Array): Uint8Array {
    if (this.isText === undefined && bytes.length > 0) this.isText = /^[\s{[]$/.test(String.fromCharCode(bytes[0] ?? 0))
    if (this.isText === true) return bytes
    if (this.isBroken) return new Uint8Array()
    const all = new Uint8Array(this.pending.length + bytes.length)
    all.set(this.pending)
    all.set(bytes, this.pending.length)
    let at = 0
    let lines = ""
    while (all.length - at >= 4 && !this.isBroken) {
      const length = new DataView(all.buffer, all.byteOffset + at, 4).getUint32(0)
      if (length > limit || length < 16) {
        lines += this.broken(`a frame of ${plural(length, "byte")}`)
        break
      }
      if (all.length - at < length) break
      try {
        lines += `${lineOf(all.subarray(at, at + length))}\n`
      } catch (error) {
        lines += this.broken(error instanceof Error ? error.message : String(error))
      }
      at += length
    }
    this.pending = all.slice(at)
    return encoder.encode(lines)
  }

  private broken(why: string): string {
    this.isBroken = true
    return `${JSON.stringify({ [brokenKey]: why })}\n`
  }
}

/** The lines of a body of frames. */
export const toLines = (
  body: Stream.Stream<Uint8Array, AiError.AiError>
): Stream.Stream<Uint8Array, AiError.AiError> =>
  Stream.suspend(() => {
    const frames = new Frames()
    return Stream.map(body, (bytes) => frames.feed(bytes))
  })
