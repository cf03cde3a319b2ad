/**
 * Whatever a real server does to a request with secrets everywhere, no span, log, event, metric, error or message holds one:
 * a search over everything that these runs emit.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import * as UndiciFetch from "@holdfast/http/UndiciFetch"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as UrlParams from "effect/http/UrlParams"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { request } from "undici"
import { Emitted } from "../Emitted.ts"
import { type Fault, faults, tlsFaults, undiciFaults } from "./faults.ts"

const secret = "S3CRET"

const policy = (timeouts: HttpPolicy.Timeouts | undefined): HttpPolicy.Options => ({
  bearer: Redacted.make(secret),
  headers: { "x-token": Redacted.make(secret) },
  retry: { times: 1, backoff: Backoff.constant({ delay: "1 millis" }) },
  circuitBreaker: { trip: CircuitBreaker.consecutive(3) },
  timeouts: { total: "2 seconds", ...timeouts }
})

const headers = { cookie: `a=${secret}`, "x-api-key": secret }
const query = `/item;jsessionid=${secret}?token=${secret}&page=1#access_token=${secret}`

/** Sends a request, or several. */
type Way = (url: string, fault: Fault, emitted: Emitted) => Effect.Effect<unknown>

const effectful = (
  transport: (fault: Fault) => Layer.Layer<HttpClient.HttpClient>,
  send: (url: string) => Effect.Effect<unknown, unknown, HttpClient.HttpClient>
): Way =>
(url, fault, emitted) =>
  emitted.of(send(url)).pipe(
    Effect.provide(Layer.provide(ResilientHttpClient.layer(policy(fault.timeouts)), transport(fault))),
    Effect.provideService(UrlParams.CurrentRedactedNames, ["X-Amz-Signature"])
  )

const calls = (url: string) => {
  const withParams = HttpClientRequest.appendUrlParam("X-Amz-Signature", secret)
  const get = HttpClientRequest.get(url, { headers })
  const all = [get, withParams(get), HttpClientRequest.post(url, { headers })]
  return Effect.forEach(all, (one) =>
    Effect.exit(Effect.flatMap(HttpClient.execute(one), (response) =>
      Effect.tapCause(
        Effect.tap(Stream.runDrain(Stream.take(response.stream, 2)), Effect.logInfo("answered", response)),
        (cause) => Effect.logError("failed", cause)
      ))))
}

const promised = <A extends (url: string, init?: RequestInit) => Promise<Response>>(
  make: (fault: Fault) => A & AsyncDisposable
): Way =>
(url, fault, emitted) =>
  Effect.promise(async () => {
    await using fetch = make(fault)
    for (const method of ["GET", "POST"]) {
      // One after the other, so that the breaker sees them all.
      // oxlint-disable-next-line no-await-in-loop
      emitted.add(
        await fetch(url, { headers, method }).then((response) => response.text()).catch((error: unknown) => error)
      )
    }
  })

const undici = (fault: Fault) =>
  UndiciTransport.layer({ connections: 1, gracePeriod: 0, poolWait: "1 second", ...fault.transport })

const passworded = (url: string) => url.replace("//", `//user:${secret}@`)

const ways: Readonly<Record<string, Way>> = {
  "ResilientHttpClient": effectful(undici, (url) => calls(passworded(url))),
  "UndiciTransport alone": (url, fault, emitted) =>
    Effect.provide(emitted.of(Effect.timeoutOption(calls(passworded(url)), "1 second")), undici(fault)),
  "Effect over fetch": effectful(() => FetchHttpClient.layer, calls),
  "Effect over fetch, with a password": effectful(() => FetchHttpClient.layer, (url) => calls(passworded(url))),
  "ResilientFetch": promised((fault) => ResilientFetch.createFetch(policy(fault.timeouts))),
  "UndiciFetch": promised((fault) =>
    UndiciFetch.createFetch({ ...policy(fault.timeouts), transport: { gracePeriod: 0, ...fault.transport } })
  ),
  "ResilientDispatcher": (url, fault, emitted) =>
    Effect.promise(async () => {
      const dispatcher = ResilientDispatcher.createDispatcher({
        ...policy(fault.timeouts),
        transport: { gracePeriod: 0, ...fault.transport }
      })
      const answer = request(url, { dispatcher, headers }).then(({ body }) => body.text())
      emitted.add(await answer.catch((error: unknown) => error))
      await dispatcher.destroy()
    }),
  "ResumableDownload": effectful(
    undici,
    (url) =>
      Stream.runDrain(
        ResumableDownload.stream(HttpClientRequest.get(passworded(url), { headers }), { retry: { times: 1 } })
      )
  )
}

/** Their clocks are long, and all of them tell alike. */
const isSlow = ({ transport }: Fault): boolean =>
  transport?.headersTimeout !== undefined || transport?.bodyTimeout !== undefined

const all = [...faults, ...undiciFaults, ...tlsFaults].filter((fault) => !isSlow(fault))

describe("no secret is emitted", () => {
  const reached = { texts: 0, spans: 0 }

  describe.each(all.map((fault) => [fault.name, fault] as const))("of a request that meets %s", (_, fault) => {
    it.live.each(Object.keys(ways))("by %s", (way) =>
      Effect.gen(function*() {
        const emitted = new Emitted()
        const { url } = yield* fault.target
        yield* ways[way]!(url.replace(/\/$/, "") + query, fault, emitted)
        const shown = yield* emitted.shown
        reached.texts += shown.length
        reached.spans += emitted.clientSpans
        assert.isNotEmpty(shown)
        assert.deepStrictEqual(shown.filter((text) => text.includes(secret)).map(around), [])
      }))
  })

  it("was searched for in what was emitted", () => {
    assert.isAbove(reached.texts, 1000)
    assert.isAbove(reached.spans, 100)
  })
})

const around = (text: string): string => {
  const at = text.indexOf(secret)
  return text.slice(Math.max(0, at - 200), at + 100)
}
