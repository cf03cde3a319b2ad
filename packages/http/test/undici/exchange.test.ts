/** What an exchange makes of a failure, whatever carries it. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import { Readable } from "node:stream"
import { Exchange } from "../../src/internal/undici/exchange/exchange.ts"
import { Origin } from "../../src/internal/undici/target.ts"

interface Situation {
  readonly isPlain?: boolean
  readonly wasOpen?: boolean
  readonly body?: string
  readonly syscall?: string
  readonly isDestroyed?: boolean
  /** The code of the second failure, which comes before anything is written again. */
  readonly thenFails?: string
}

/** Writes a POST on a kept connection, which the system refuses. */
const writeFails = (
  { body = "pay", isDestroyed = false, isPlain = true, syscall = "write", thenFails, wasOpen = true }: Situation
) =>
  Effect.gen(function*() {
    let sent = 0
    let told: Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> | undefined
    const url = new URL("http://localhost/")
    const exchange = new Exchange(
      HttpClientRequest.post(url),
      { method: "POST", path: "/", body },
      { origin: new Origin(url), path: "/", url: url.href },
      { maxResponseSize: Infinity, maxDecodedSize: Infinity, headersTimeout: 0, decodes: true },
      undefined,
      (effect) => {
        told = effect
      }
    )
    exchange.connection = {
      isPlain,
      isForwarded: false,
      isDestroyed,
      expectResponse: () => undefined,
      dispatch: () => sent++,
      release: () => undefined,
      giveUp: () => undefined
    }
    exchange.wasOpen = wasOpen
    const controller = { abort: () => undefined, pause: () => undefined, resume: () => undefined }
    exchange.onRequestStart({ ...controller, aborted: false, paused: false, reason: null })
    exchange.onResponseError(null, Object.assign(new Error("refused"), { code: "EPIPE", syscall }))
    const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    yield* turn
    if (thenFails !== undefined) {
      exchange.onResponseError(null, Object.assign(new Error("refused"), { code: thenFails }))
      yield* turn
    }
    if (told === undefined) return { sent, written: undefined }
    const error = Option.getOrThrow(Exit.findErrorOption(yield* Effect.exit(told)))
    const failure = Option.getOrThrow(HttpFailure.fromClientError(error))
    return { sent, written: failure.requestWritten }
  })

describe("A POST that the system refuses to write on a kept connection", () => {
  const table: ReadonlyArray<readonly [name: string, Situation, sent: number, written: boolean | undefined]> = [
    ["goes once more without TLS, where nothing was taken", {}, 1, undefined],
    ["goes once over TLS, which may have written before", { isPlain: false }, 0, true],
    ["goes once when it is too large for one write", { body: "x".repeat(4097) }, 0, true],
    ["goes once more at 4 KiB", { body: "x".repeat(4096) }, 1, undefined],
    ["goes once when it was reading that failed", { syscall: "read" }, 0, true],
    ["goes once when the connection was new", { wasOpen: false }, 0, false],
    ["goes once when the transport is closed", { isDestroyed: true }, 0, false],
    ["is unsent when the port is closed the second time", { thenFails: "ECONNREFUSED" }, 1, false],
    ["is unsent when the new connection is lost before it is written again", { thenFails: "ECONNRESET" }, 1, false]
  ]
  it.effect.each(table)(
    "%s",
    ([, situation, sent, written]) =>
      Effect.map(writeFails(situation), (found) => assert.deepStrictEqual(found, { sent, written }))
  )
})

describe("The body of a request that is never started", () => {
  /** A POST whose body is a stream, and whose connection rests until it has been read. */
  const upload = () => {
    const url = new URL("http://localhost/")
    const body = Readable.from(["pay"])
    let released = 0
    const exchange = new Exchange(
      HttpClientRequest.post(url),
      { method: "POST", path: "/", body },
      { origin: new Origin(url), path: "/", url: url.href },
      { maxResponseSize: Infinity, maxDecodedSize: Infinity, headersTimeout: 0, decodes: true },
      undefined,
      () => undefined
    )
    const rest = () => {
      exchange.connection = {
        isPlain: true,
        isForwarded: false,
        isDestroyed: false,
        expectResponse: () => undefined,
        dispatch: () => undefined,
        release: () => released++,
        giveUp: () => undefined
      }
    }
    return { body, exchange, rest, released: () => released }
  }

  it("is destroyed when the connection that it waited for is given back, once", () => {
    const { body, exchange, released, rest } = upload()
    rest()
    exchange.cancel()
    assert.deepStrictEqual([exchange.isOver, body.destroyed, released()], [true, false, 0])
    exchange.giveBack()
    exchange.giveBack()
    assert.deepStrictEqual([body.destroyed, released()], [true, 1])
  })

  it("is destroyed when the request is cancelled in the queue, or refused", () => {
    const cancelled = upload()
    cancelled.exchange.cancel()
    assert.isTrue(cancelled.body.destroyed)
    const refused = upload()
    refused.exchange.refuse(new HttpFailure.PoolTimeout({ wait: Duration.zero, queued: 0 }))
    assert.isTrue(refused.body.destroyed)
  })
})
