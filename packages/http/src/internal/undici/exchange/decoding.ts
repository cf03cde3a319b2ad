/**
 * Content codings (RFC 9110 section 8.4.1) taken off a body as it comes, with back-pressure, as `fetch` does: gzip,
 * deflate with and without its wrapper, br and zstd, several in a row, asked for or not. A body in a coding that is not
 * known is handed on as it is.
 *
 * Unlike with `fetch`, a coded body that ends too soon is a failure: half an answer is none.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Transform } from "node:stream"
import * as Zlib from "node:zlib"
import * as HttpFailure from "../../../HttpFailure.ts"
import { type BodyResponse, transportError } from "../../call/bodyResponse.ts"
import { StreamResponse } from "../../call/streamResponse.ts"

type Failure = HttpClientError.HttpClientError
type Bytes = Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>], Failure>

const options = { chunkSize: 64 * 1024 }

/** How to undo a coding, which the first byte may decide. */
type Decoder = (first: number) => Transform

const gunzip: Decoder = () => Zlib.createGunzip(options)

const decoders: Readonly<Record<string, Decoder>> = {
  gzip: gunzip,
  "x-gzip": gunzip,
  // Many servers leave the wrapper out that RFC 1950 asks for; its first byte names the method, which is always 8.
  deflate: (first) => (first & 0x0f) === 8 ? Zlib.createInflate(options) : Zlib.createInflateRaw(options),
  br: () => Zlib.createBrotliDecompress(options),
  zstd: () => Zlib.createZstdDecompress(options)
}

/** As many as `fetch` takes. */
const mostCodings = 5

/** The decoders of a response in the order in which they are applied, if there are any and all are known. */
const decodersOf = (response: BodyResponse): ReadonlyArray<Decoder> | undefined => {
  const coding = response.headers["content-encoding"]
  if (coding === undefined || response.request.method === "HEAD") return undefined
  if (response.status === 204 || response.status === 304) return undefined
  const codings = coding.toLowerCase().split(",").map((one) => one.trim()).filter((one) => !isNothing.has(one))
  const known = codings.map((one) => decoders[one]).filter((decoder) => decoder !== undefined)
  return known.length === 0 || known.length < codings.length || known.length > mostCodings
    ? undefined
    : known.toReversed()
}

const isNothing: ReadonlySet<string> = new Set(["", "identity"])

/** A response whose body is what it was before the server coded it, and has at most `limit` bytes. */
export const decoded = (response: BodyResponse, limit: number): BodyResponse => {
  const chain = decodersOf(response)
  return chain === undefined ? response : new DecodedResponse(response, chain, limit)
}

class DecodedResponse extends StreamResponse {
  private readonly coded: BodyResponse

  constructor(response: BodyResponse, chain: ReadonlyArray<Decoder>, limit: number) {
    super(response, decode(response, chain, limit))
    this.coded = response
  }

  override get statusText(): string {
    return this.coded.statusText
  }
}

const decode = (
  { request, stream }: BodyResponse,
  chain: ReadonlyArray<Decoder>,
  limit: number
): Stream.Stream<Uint8Array, Failure> =>
  Stream.transformPull(stream, (coded, scope) => {
    const decoding = new Decoding(request, chain, limit)
    return Scope.addFinalizer(scope, Effect.sync(() => decoding.destroy())).pipe(
      // In a fiber of its own: what has been decoded is read while more is coming.
      Effect.andThen(Effect.forkIn(decoding.feed(coded), scope)),
      Effect.as(decoding.pull)
    )
  })

class Decoding {
  private readonly request: HttpClientRequest.HttpClientRequest
  private readonly chain: ReadonlyArray<Decoder>
  private readonly limit: number
  private streams: ReadonlyArray<Transform> = []
  private received = 0
  private size = 0
  private end: Bytes | undefined = undefined
  private onNews: (() => void) | undefined = undefined

  constructor(request: HttpClientRequest.HttpClientRequest, chain: ReadonlyArray<Decoder>, limit: number) {
    this.request = request
    this.chain = chain
    this.limit = limit
  }

  destroy(): void {
    for (const stream of this.streams) stream.destroy()
  }

  /** Gives the decoders what comes, a chunk when they are done with the one before. */
  feed(coded: Bytes): Effect.Effect<void> {
    return Pull.matchEffect(coded, {
      onSuccess: (chunks) =>
        Effect.andThen(Effect.forEach(chunks, (chunk) => this.write(chunk), { discard: true }), this.feed(coded)),
      onFailure: (cause) => Effect.sync(() => this.ended(Effect.failCause(cause))),
      onDone: () =>
        Effect.sync(() => {
          // A body without a byte is one of a server that had nothing to code.
          if (this.streams.length === 0) this.ended(Cause.done())
          this.streams[0]?.end()
        })
    })
  }

  /** The next bytes that are decoded. */
  readonly pull: Bytes = Effect.callback((resume) => {
    const look = () => {
      const bytes: Uint8Array | null = this.streams.at(-1)?.read() ?? null
      if (bytes !== null) resume(this.counted(bytes))
      else if (this.end !== undefined) resume(this.end)
      else this.onNews = look
    }
    look()
    return Effect.sync(() => this.onNews = undefined)
  })

  private counted(bytes: Uint8Array): Bytes {
    this.size += bytes.length
    return this.size > this.limit ? Effect.fail(tooLarge(this.request, this.limit, true)) : Effect.succeed([bytes])
  }

  private write(chunk: Uint8Array): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const first = chunk[0]
      if (first === undefined || this.end !== undefined) return resume(Effect.void)
      if (this.streams.length === 0) this.streams = this.open(first)
      this.received += chunk.length
      this.streams[0]?.write(chunk, () => resume(Effect.void))
    })
  }

  private open(first: number): ReadonlyArray<Transform> {
    const streams = this.chain.map((decoder) => decoder(first))
    streams.forEach((stream, i) => {
      stream.on("error", (error) => this.ended(Effect.fail(this.failureOf(error))))
      const next = streams[i + 1]
      if (next !== undefined) stream.pipe(next)
    })
    streams.at(-1)?.on("readable", () => this.news()).on("end", () => this.ended(Cause.done()))
    return streams
  }

  private ended(end: Bytes): void {
    this.end ??= end
    this.news()
  }

  private news(): void {
    const { onNews } = this
    this.onNews = undefined
    onNews?.()
  }

  private failureOf(error: Error): Failure {
    const code = "code" in error && typeof error.code === "string" ? error.code : error.name
    const { received } = this
    const reason = code === "Z_BUF_ERROR"
      ? new HttpFailure.BodyCut({ code, received })
      : new HttpFailure.ProtocolError({ code })
    return transportError(
      this.request,
      new HttpFailure.HttpFailure({ reason, phase: "body", requestWritten: true, cause: error })
    )
  }
}

/** The failure of a body that is longer than the transport may read. */
export const tooLarge = (
  request: HttpClientRequest.HttpClientRequest,
  limit: number,
  isDecoded: boolean
): Failure =>
  transportError(
    request,
    new HttpFailure.HttpFailure({
      reason: new HttpFailure.ResponseTooLarge({ limit, isDecoded }),
      phase: "body",
      requestWritten: true
    })
  )
