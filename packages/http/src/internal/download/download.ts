/**
 * A representation in the course of being downloaded: how much of it is there, what continues it, and the requests for
 * the rest. Bytes leave it once, in order.
 *
 * Guarded by `test/download/laws.download.test.ts`, `test/ResumableDownload.test.ts` and
 * `test/download/toFile.test.ts`.
 */
import type * as Policy from "@holdfast/core/Policy"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as DownloadError from "../../DownloadError.ts"
import type * as HttpFailure from "../../HttpFailure.ts"
import * as ServerHints from "../../ServerHints.ts"
import type { BodyResponse } from "../call/bodyResponse.ts"
import { StreamResponse } from "../call/streamResponse.ts"
import { BodyDigest, digestsOf, type Expected } from "./bodyDigest.ts"
import { type Answer, answerOf, strongEtag } from "./continuation.ts"
import { Interruption, type Outcome } from "./interruption.ts"
import type { Beginning, Body, Chunks, Progress } from "./state.ts"

/** Bytes, or none when the representation is whole. */
type Step = Effect.Effect<Chunks | undefined, Interruption>

export interface Settings {
  readonly client: HttpClient.HttpClient
  readonly request: HttpClientRequest.HttpClientRequest
  /** Runs between two interruptions; none when there are to be no resumes. */
  readonly policy: Policy.Policy<HttpFailure.HttpFailure> | undefined
  readonly isWorthwhile: (interruption: Interruption) => boolean
  readonly maxResumes: number
  readonly digests: ReadonlyArray<Expected>
  readonly onProgress: ((progress: Progress) => Effect.Effect<void>) | undefined
}

export class Download {
  /** How many bytes of the representation have left, those of an earlier process included. */
  offset = 0
  /** How many of them are from an earlier process. */
  base = 0
  total: number | undefined = undefined
  resumes = 0
  /** The digests of the whole that were announced. */
  announced: ReadonlyArray<Expected> = []
  digest: BodyDigest

  private readonly settings: Settings
  private etag: string | undefined = undefined
  private weak: string | undefined = undefined
  private body: Body | undefined = undefined
  private interrupted = false
  private startedAt: number | undefined = undefined

  constructor(settings: Settings) {
    this.settings = settings
    this.digest = new BodyDigest(settings.digests)
  }

  get url(): string {
    return Option.match(HttpClientRequest.toUrl(this.settings.request), {
      onNone: () => this.settings.request.url,
      onSome: ({ href }) => href
    })
  }

  /** Takes up what an earlier process has left; its bytes are given to `digest` by the caller. */
  continue(from: Beginning, offset: number): void {
    this.etag = from.etag
    this.total = from.total
    this.offset = this.base = offset
    this.announced = from.digests
    this.digest = new BodyDigest([...this.settings.digests, ...from.digests])
  }

  /** What another process would need to go on from here; none if nothing can. */
  get beginning(): Beginning | undefined {
    const { announced, etag, total } = this
    return etag === undefined ? undefined : { etag, total, digests: announced }
  }

  /** The next bytes, none at the end, through as many interruptions as the policy allows. */
  get next(): Effect.Effect<Chunks | undefined, Outcome> {
    return Effect.catch(this.step, (first) => {
      const { policy } = this.settings
      if (policy === undefined) return Effect.fail(first.outcome)
      // The policy sees the interruption as the failure of a first attempt, and each request for the rest as another.
      let failed: Interruption | undefined = first
      const attempt = Effect.suspend(() => {
        if (failed === undefined) return this.step
        const failure = failed
        failed = undefined
        return Effect.fail(failure)
      })
      return Effect.mapError(policy.protect(attempt), (last) => last.outcome)
    })
  }

  /** Gives the connection up. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { body } = this
      this.body = undefined
      return body === undefined ? Effect.void : Scope.close(body.scope, Exit.void)
    })
  }

  private get step(): Step {
    return Effect.suspend(() => this.body === undefined ? this.request : this.read(this.body))
  }

  private get request(): Step {
    return Effect.uninterruptibleMask((restore) => {
      if (this.interrupted) this.resumes++
      this.interrupted = false
      const { client, request } = this.settings
      const { etag, offset } = this
      const asked = offset === 0 || etag === undefined
        ? request
        : HttpClientRequest.setHeaders(request, { range: `bytes=${offset}-`, "if-range": etag })
      return restore(client.execute(asked)).pipe(
        Effect.mapError((error) => this.cut(Interruption.lost(error))),
        Effect.flatMap((inner) => this.take(StreamResponse.wrap(inner))),
        Effect.flatMap(restore)
      )
    })
  }

  /** Takes charge of a response, or gives it up; what follows may be interrupted. */
  private take(response: BodyResponse): Effect.Effect<Step, Interruption> {
    const { etag, offset, total } = this
    const disposable = offset === this.base
    const answer = answerOf(response.status, response.headers, { etag, offset, total, disposable })
    switch (answer._tag) {
      case "Take": {
        const contradiction = answer.isFirst ? undefined : this.digest.contradiction(announcedBy(response))
        return contradiction === undefined
          ? this.open(response, answer)
          : this.discard(response, Effect.fail(Interruption.refused(contradiction)))
      }
      case "Whole":
        this.total = offset
        return this.discard(response, Effect.succeed(this.finish))
      case "Status":
        return Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const status = Interruption.status(response, ServerHints.retryAfter(response.headers, now))
          return this.discard(response, Effect.fail(this.cut(status)))
        })
      case "Refuse":
        if (!disposable || offset === 0) return this.discard(response, Effect.fail(Interruption.refused(answer.reason)))
        // The file of an earlier process cannot be used.
        this.offset = this.base = 0
        return this.discard(response, Effect.succeed(this.request))
    }
  }

  private open(
    response: BodyResponse,
    { isFirst, length, skip, total }: Extract<Answer, { _tag: "Take" }>
  ): Effect.Effect<Step> {
    if (isFirst) {
      this.offset = this.base = 0
      this.etag = strongEtag(response.headers)
      this.weak = response.headers["etag"]
      this.announced = announcedBy(response)
      this.digest = new BodyDigest([...this.settings.digests, ...this.announced])
    }
    this.total = total
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      this.startedAt ??= now
      const scope = Scope.makeUnsafe()
      return Effect.map(Scope.provide(Stream.toPull(response.stream), scope), (pull) => {
        const digest = new BodyDigest(digestsOf(response.headers, "content-digest"))
        return this.read(this.body = { response, pull, scope, digest, length, skip, received: 0 })
      })
    })
  }

  private read(body: Body): Step {
    return Pull.matchEffect(body.pull, {
      onSuccess: (chunks) => this.accept(body, chunks),
      onFailure: (cause) =>
        Option.match(Cause.findErrorOption(cause), {
          onNone: () => Effect.failCause(cause as Cause.Cause<never>),
          onSome: (error) =>
            this.offset === this.total
              ? Effect.andThen(this.close, this.finish)
              : Effect.andThen(this.close, Effect.fail(this.cut(Interruption.lost(error))))
        }),
      onDone: () => this.end(body)
    })
  }

  private accept(body: Body, chunks: Chunks): Step {
    const fresh: Array<Uint8Array> = []
    for (const chunk of chunks) {
      body.received += chunk.length
      const expected = body.length ?? this.total
      if (expected !== undefined && body.received > expected) return this.tooLong(expected, body.received)
      body.digest.update(chunk)
      const rest = body.skip === 0 ? chunk : chunk.subarray(body.skip)
      body.skip -= chunk.length - rest.length
      if (rest.length === 0) continue
      this.offset += rest.length
      this.digest.update(rest)
      fresh.push(rest)
    }
    const [first, ...others] = fresh
    if (first === undefined) return this.read(body)
    const { onProgress } = this.settings
    const some: Chunks = [first, ...others]
    return onProgress === undefined
      ? Effect.succeed(some)
      : Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.as(onProgress(this.progress(now)), some))
  }

  private tooLong(expected: number, actual: number): Step {
    return Effect.andThen(
      this.close,
      Effect.fail(Interruption.refused(new DownloadError.WrongLength({ expected, actual })))
    )
  }

  /** The content has come to its end. */
  private end(body: Body): Step {
    const isFull = body.response.status === 200
    const short = isFull
      ? this.total !== undefined && this.offset < this.total
      : body.length !== undefined && body.received < body.length
    const next = (): Step => {
      if (short) return Effect.fail(this.cut(Interruption.short(body.response, body.received)))
      const mismatch = body.digest.mismatch()
      if (mismatch !== undefined) return Effect.fail(Interruption.refused(mismatch))
      if (isFull && body.skip > 0) {
        const reason = new DownloadError.WrongLength({ expected: this.offset, actual: body.received })
        return Effect.fail(Interruption.refused(reason))
      }
      if (isFull) this.total = this.offset
      // A server may send less than was asked for: RFC 9110 section 15.3.7.
      return this.offset === this.total ? this.finish : this.request
    }
    return Effect.andThen(this.close, Effect.suspend(next))
  }

  private get finish(): Step {
    return Effect.suspend(() => {
      const mismatch = this.digest.mismatch()
      return mismatch === undefined ? Effect.undefined : Effect.fail(Interruption.refused(mismatch))
    })
  }

  /** An interruption, or the reason why it cannot be mended. */
  private cut(interruption: Interruption): Interruption {
    const { isWorthwhile, maxResumes, policy } = this.settings
    if (policy === undefined || !isWorthwhile(interruption)) return interruption
    const { base, etag, offset: received, resumes } = this
    if (received > base && etag === undefined) {
      const reason = new DownloadError.NoStrongValidator({ received, etag: this.weak })
      return Interruption.refused(reason, interruption.outcome)
    }
    if (resumes >= maxResumes) {
      return Interruption.refused(new DownloadError.TooManyResumes({ resumes, received }), interruption.outcome)
    }
    this.interrupted = true
    return interruption
  }

  private discard<A>(
    response: BodyResponse,
    next: Effect.Effect<A, Interruption>
  ): Effect.Effect<A, Interruption> {
    return Effect.andThen(response.discard, next)
  }

  private progress(now: number): Progress {
    const { offset: received, resumes, total } = this
    const seconds = (now - (this.startedAt ?? now)) / 1000
    return { received, total, resumes, bytesPerSecond: seconds > 0 ? (received - this.base) / seconds : 0 }
  }
}

/** The digests that a response announces for the whole. The content of a 200 that is not coded is the whole. */
const announcedBy = (response: BodyResponse): ReadonlyArray<Expected> => {
  const whole = digestsOf(response.headers, "repr-digest")
  return whole.length > 0 || response.status !== 200 ? whole : digestsOf(response.headers, "content-digest")
}
