/**
 * Decodes content codings (RFC 9110 section 8.4.1) as the body arrives, with back-pressure, as `fetch` does: gzip,
 * deflate with and without its wrapper, br and zstd, several in a row, requested or not. A body in an unknown coding
 * passes through unchanged.
 *
 * Unlike with `fetch`, a compressed body that ends too soon is a failure, so that a truncated answer is not mistaken
 * for a complete one.
 *
 * Guarded by `test/undici/decoding.test.ts` and `test/undici/bounds.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
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
import { ZstdFrames } from "./zstdFrames.ts"

type Failure = HttpClientError.HttpClientError
type Bytes = Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>], Failure>

const options = { chunkSize: 64 * 1024 }

/** Makes the decoder of a coding. For deflate, the first byte decides which. */
type Decoder = (first: number) => Transform

const gunzip: Decoder = () => Zlib.createGunzip(options)

const decoders: Readonly<Record<string, Decoder>> = {
  gzip: gunzip,
  "x-gzip": gunzip,
  // Many servers leave out the wrapper of RFC 1950. Its first byte names the method, which is always 8.
  deflate: (first) => (first & 0x0f) === 8 ? Zlib.createInflate(options) : Zlib.createInflateRaw(options),
  br: () => Zlib.createBrotliDecompress(options),
  zstd: () => new ZstdFrames()
}

/** More codings than `fetch` takes are a failure, as with `fetch`: each multiplies what a small body can grow to. */
const mostCodings = 5

/** The decoders of a response in order of application; `undefined` if there are none or one is unknown. */
const decodersOf = (response: BodyResponse): ReadonlyArray<Decoder> | undefined => {
  const coding = response.headers["content-encoding"]
  if (coding === undefined || response.request.method === "HEAD") return undefined
  if (response.status === 204 || response.status === 304) return undefined
  const codings = coding.toLowerCase().split(",").map((one) => one.trim()).filter((one) => !isNothing.has(one))
  const known = codings.map((one) => decoders[one]).filter((decoder) => decoder !== undefined)
  if (codings.length > mostCodings) return tooMany
  return known.length === 0 || known.length < codings.length ? undefined : known.toReversed()
}

const tooMany: ReadonlyArray<Decoder> = []

const isNothing: ReadonlySet<string> = new Set(["", "identity"])

/** A response with its body decoded, of at most `limit` bytes. */
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
  { cancel, request, stream }: BodyResponse,
  chain: ReadonlyArray<Decoder>,
  limit: number
): Stream.Stream<Uint8Array, Failure> =>
  chain === tooMany ?
    Stream.unwrap(Effect.as(cancel, Stream.fail(invalid(request, "TOO_MANY_CODINGS")))) :
    Stream.transformPull(stream, (coded, scope) => {
      const decoding = new Decoding(request, chain, limit)
      return Scope.addFinalizer(scope, Effect.sync(() => decoding.destroy())).pipe(
        // In a fiber of its own, so that decoded bytes are read while more arrive.
        Effect.andThen(Effect.updateContext(Effect.forkIn(decoding.feed(coded), scope), withoutScope)),
        Effect.as(decoding.pull)
      )
    })

/**
 * A context without the caller's scope. A scope that has closed keeps its exit, which may be the response: a fiber that led there
 * would keep a response that was dropped. Providing another scope is not enough, since the new context leads to the old one.
 */
const withoutScope = (context: Context.Context<never>): Context.Context<never> =>
  Context.omit(Scope.Scope)(context as Context.Context<Scope.Scope>)

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

  /** Feeds the decoders, each chunk after they are done with the previous one. */
  feed(coded: Bytes): Effect.Effect<void> {
    return Pull.matchEffect(coded, {
      onSuccess: (chunks) =>
        Effect.andThen(Effect.forEach(chunks, (chunk) => this.write(chunk), { discard: true }), this.feed(coded)),
      onFailure: (cause) => Effect.sync(() => this.ended(Effect.failCause(cause))),
      onDone: () =>
        Effect.sync(() => {
          // An empty body has nothing to decode, whatever its headers say.
          if (this.streams.length === 0) this.ended(Cause.done())
          this.streams[0]?.end()
        })
    })
  }

  /** The next decoded bytes. */
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
    if (code !== "Z_BUF_ERROR") return invalid(this.request, code, error)
    return failed(this.request, new HttpFailure.BodyCut({ code, received: this.received }), error)
  }
}

/** The failure of a body that is not in the codings that its headers name. */
const invalid = (request: HttpClientRequest.HttpClientRequest, code: string, cause?: Error): Failure =>
  failed(request, new HttpFailure.ProtocolError({ code }), cause)

const failed = (request: HttpClientRequest.HttpClientRequest, reason: HttpFailure.Reason, cause?: Error): Failure =>
  transportError(
    request,
    new HttpFailure.HttpFailure({
      reason,
      phase: "body",
      requestWritten: true,
      ...(cause !== undefined && { cause })
    })
  )

/** The failure of a body that exceeds `maxResponseSize` or `maxDecodedSize`. */
export const tooLarge = (
  request: HttpClientRequest.HttpClientRequest,
  limit: number,
  isDecoded: boolean
): Failure => failed(request, new HttpFailure.ResponseTooLarge({ limit, isDecoded }))
