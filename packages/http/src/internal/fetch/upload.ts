/**
 * The body of a standard request, as Effect's `HttpBody`: a value where the source is one, so that another attempt can
 * send it again, and otherwise a stream that is read once.
 *
 * Guarded by `test/fetch/clients.test.ts` and `test/fetch/contract.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as Stream from "effect/Stream"

/** A body, and how to give up what was not sent of it. */
export interface Upload {
  readonly body: HttpBody.HttpBody
  readonly cancel: (reason: unknown) => void
}

const nothing = () => undefined

/** The body of a request that was made of `input` and `init`. */
export const uploadOf = async (
  request: Request,
  init: RequestInit
): Promise<Upload> => {
  const source = init.body ?? undefined
  const type = request.headers.get("content-type") ?? undefined
  const value = valueOf(source, type, init)
  if (value !== undefined) return { body: value, cancel: nothing }
  // Firefox has no streams in requests.
  if (request.body === undefined) {
    return { body: bytesOf(new Uint8Array(await request.arrayBuffer()), type), cancel: nothing }
  }
  if (request.body === null) return { body: HttpBody.empty, cancel: nothing }
  const chunks = new Chunks(request.body)
  const whole = source instanceof ReadableStream ? undefined : await chunks.readyBytes()
  return whole === undefined
    ? { body: HttpBody.stream(chunks.stream, type), cancel: (reason) => chunks.cancel(reason) }
    : { body: bytesOf(whole, type), cancel: nothing }
}

const bytesOf = (bytes: Uint8Array, type: string | undefined): HttpBody.HttpBody =>
  bytes.length === 0 ? HttpBody.empty : HttpBody.uint8Array(bytes, type)

/** The body of a source that stays what it is, which can be sent more than once. */
const valueOf = (
  source: unknown,
  type: string | undefined,
  init: RequestInit
): HttpBody.HttpBody | undefined => {
  if (typeof source === "string") return HttpBody.text(source, type)
  if (source instanceof URLSearchParams) return HttpBody.text(source.toString(), type)
  // The program may write to its buffers while a request waits.
  if (source instanceof ArrayBuffer) return HttpBody.uint8Array(new Uint8Array(source.slice(0)), type)
  // Of memory that is shared a fetch makes a text, as of any object.
  if (ArrayBuffer.isView(source) && source.buffer instanceof ArrayBuffer) {
    return HttpBody.uint8Array(new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice(), type)
  }
  if (source instanceof Blob) return HttpBody.raw(source, { contentType: type, contentLength: source.size })
  if (source instanceof FormData && !new Headers(init.headers).has("content-type")) {
    const form = new FormData()
    for (const [name, value] of source) form.append(name, value)
    return HttpBody.formData(form)
  }
  return undefined
}

/** The chunks of a body, read once. */
class Chunks {
  private readonly reader: ReadableStreamDefaultReader<unknown>
  private readonly taken: Array<Uint8Array> = []
  private pending: Promise<ReadableStreamReadResult<unknown>> | undefined = undefined
  private isOver = false

  constructor(body: ReadableStream<unknown>) {
    this.reader = body.getReader()
  }

  /**
   * The whole body, if it is there without waiting and small. The body of a `Request` is always a stream, and this is
   * how one that was made of text is told from one that is still being written.
   */
  async readyBytes(): Promise<Uint8Array | undefined> {
    let size = 0
    while (size <= replayableBytes) {
      const turn = nextTurn()
      this.pending ??= this.reader.read()
      // One chunk follows the other.
      // oxlint-disable-next-line no-await-in-loop
      const result = await Promise.race([this.pending, turn.over])
      turn.forget()
      if (result === undefined) return undefined
      this.pending = undefined
      if (result.done) {
        this.isOver = true
        return concat(this.taken, size)
      }
      const chunk = checked(result.value)
      this.taken.push(chunk)
      size += chunk.length
    }
    return undefined
  }

  get stream(): Stream.Stream<Uint8Array, unknown> {
    return Stream.fromAsyncIterable(this.rest(), (cause) => cause).pipe(
      Stream.ensuring(Effect.sync(() => this.cancel(undefined)))
    )
  }

  cancel(reason: unknown): void {
    if (this.isOver) return
    this.isOver = true
    this.reader.cancel(reason).catch(nothing)
  }

  private async *rest(): AsyncGenerator<Uint8Array> {
    yield* this.taken
    while (!this.isOver) {
      // Each chunk is asked for once the one before was sent.
      // oxlint-disable-next-line no-await-in-loop
      const result = await (this.pending ?? this.reader.read())
      this.pending = undefined
      if (result.done) this.isOver = true
      else yield checked(result.value)
    }
  }
}

/** How much of a body is held to be sent again: 64 KiB. */
const replayableBytes = 64 * 1024

const checked = (chunk: unknown): Uint8Array => {
  if (chunk instanceof Uint8Array) return chunk
  throw new TypeError("The chunks of a request body must be Uint8Arrays")
}

const concat = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const all = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

/** The next turn of the event loop. */
const nextTurn = () => {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, 0, undefined)
  return { over: promise, forget: () => clearTimeout(timer) }
}
