/**
 * Takes interim responses (1xx) off a socket before undici reads it: RFC 9110 section 15.2 wants a client to read past
 * any number of them, asked for or not. undici destroys the connection for a 100, and begins to count `headersTimeout`
 * anew after each of the others, so that a server could keep a request waiting for ever.
 *
 * They go to the caller, if it asked for them, as undici would tell them; a 100 goes nowhere, as with undici.
 *
 * An unasked 101 stays: it says that the connection speaks something else from here on, which undici refuses.
 *
 * Guarded by `test/undici/exchange.test.ts`, `test/undici/misbehaving.test.ts` and `test/undici/pool.test.ts`.
 */
import type { IncomingHttpHeaders } from "node:http"
import type { Socket } from "node:net"
import { type Dispatcher, util } from "undici"

/** What hears of an interim response. */
export type OnInterim = (
  status: number,
  headers: IncomingHttpHeaders,
  statusText: string,
  rawHeaders: Dispatcher.DispatchController["rawHeaders"]
) => void

export class InterimResponses {
  /** Whether what comes next is the beginning of a response. */
  private expecting = true
  /** A beginning that is too short to tell. */
  private held: Buffer | undefined = undefined
  private onInterim: OnInterim | undefined = undefined

  /** Stands between a socket and undici from now on. */
  static of(socket: Socket): InterimResponses {
    return new InterimResponses(socket)
  }

  private constructor(socket: Socket) {
    const read = socket.read.bind(socket)
    socket.read = (size?: number): Buffer | null => {
      for (;;) {
        const chunk: Buffer | null = read(size)
        if (chunk === null || !this.expecting) return chunk
        const rest = this.skip(this.held === undefined ? chunk : Buffer.concat([this.held, chunk]))
        if (rest !== undefined) return rest
      }
    }
  }

  /** A request is about to be written. */
  expect(onInterim?: OnInterim): void {
    this.expecting = true
    this.held = undefined
    this.onInterim = onInterim
  }

  /** What follows the interim responses, if anything of that is here. */
  private skip(bytes: Buffer): Buffer | undefined {
    while (isInterim(bytes)) {
      const end = headEnd(bytes)
      if (end === undefined) {
        this.held = bytes
        return undefined
      }
      if (this.onInterim !== undefined) tell(bytes.subarray(0, end), this.onInterim)
      bytes = bytes.subarray(end)
    }
    this.expecting = false
    this.held = undefined
    return bytes
  }
}

/** Whether this is, or may yet become, the beginning of an interim response. */
const isInterim = (bytes: Buffer): boolean => {
  if (bytes.length > longestHead && headEnd(bytes) === undefined) return false
  const line = bytes.toString("latin1", 0, statusLine.length)
  for (let i = 0; i < line.length; i++) {
    if (statusLine[i] !== "?" && statusLine[i] !== line[i]) return false
  }
  return line.length < statusLine.length || line.slice(9, 12) !== "101"
}

const tell = (head: Buffer, onInterim: OnInterim): void => {
  const [line = "", ...fields] = head.toString("latin1").split("\r\n")
  const status = Number(line.slice(9, 12))
  if (status === 100) return
  const rawHeaders = fields.flatMap((field) => {
    const colon = field.indexOf(":")
    return colon < 1 ? [] : [field.slice(0, colon), field.slice(colon + 1).trim()]
  }).map((one) => Buffer.from(one, "latin1"))
  onInterim(status, util.parseHeaders(rawHeaders), line.slice(13), rawHeaders)
}

const statusLine = "HTTP/1.? 1??"

/** undici's own bound, and what it makes of a head beyond it, hold for interim responses too. */
const longestHead = 16 * 1024

const headEnd = (bytes: Buffer): number | undefined => {
  const end = bytes.indexOf("\r\n\r\n")
  return end === -1 ? undefined : end + 4
}
