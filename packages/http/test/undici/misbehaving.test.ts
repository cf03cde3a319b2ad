/**
 * What the laws say of servers that misbehave: fault x method x policy, on undici and on fetch. After the calls that meet a
 * fault no socket, timer or listener is left, and the server has seen what it may see: nothing twice that must not be.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { beforeAll } from "vitest"
import * as Server from "../server.ts"
import { type Fault, faults, tlsFaults, undiciFaults } from "./faults.ts"

const policies: ReadonlyArray<readonly [name: string, options: HttpPolicy.Options, times: number]> = [
  ["without retries", { retry: false }, 0],
  ["with two retries", {}, 2],
  ["with two retries up to the head", { commit: "head" }, 2]
]

const body = () => HttpBody.stream(Stream.make(new TextEncoder().encode("the only copy")))

const methods: ReadonlyArray<
  readonly [name: string, request: () => HttpClientRequest.HttpClientRequest, repeatable: boolean]
> = [
  ["GET", () => HttpClientRequest.get("/"), true],
  ["PUT", () => HttpClientRequest.put("/", { body: HttpBody.text("state") }), true],
  ["POST", () => HttpClientRequest.post("/", { body: HttpBody.text("pay") }), false],
  [
    "POST with a key",
    () => HttpClientRequest.post("/", { body: HttpBody.text("pay"), headers: { "idempotency-key": "k" } }),
    true
  ],
  ["PUT of a stream", () => HttpClientRequest.put("/", { body: body() }), false]
]

/** What an exit says in one word: a status, or the reason of its failure. */
const endOf = (exit: Exit.Exit<number, unknown>): number | string => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  if (!HttpClientError.isHttpClientError(error)) return String(exit)
  const { cause } = error.reason
  if (isPolicyError(cause)) return cause.reason._tag
  return Option.match(HttpFailure.fromClientError(error), { onNone: () => error.message, onSome: (f) => f.reason._tag })
}

const clients = {
  undici: (fault: Fault) => UndiciTransport.layer({ connections: 1, ...fault.transport }),
  fetch: () => FetchHttpClient.layer
}

/** One case: a call, what it ended with, and what the server saw. */
const call = (
  fault: Fault,
  client: keyof typeof clients,
  options: HttpPolicy.Options,
  times: number,
  request: HttpClientRequest.HttpClientRequest
) =>
  Effect.scoped(Effect.gen(function*() {
    const { requests, url } = yield* fault.target
    const live = ResilientHttpClient.layer({
      retry: { times, backoff: Backoff.constant({ delay: "1 millis" }) },
      ...options,
      // An attempt that ends with the head does not bound the body.
      timeouts: options.commit === "head" && fault.isBehindHead
        ? { ...fault.timeouts, total: "300 millis" }
        : fault.timeouts
    }).pipe(Layer.provide(clients[client](fault)))
    const send = Effect.flatMap(
      HttpClient.execute(HttpClientRequest.prependUrl(request, url.replace(/\/$/, ""))),
      // Of the body of a 503, which may be large and never end, only the first chunk is read.
      (response) =>
        Effect.as(
          Stream.runDrain(response.status === 503 ? Stream.take(response.stream, 1) : response.stream),
          response.status
        )
    )
    const exit = yield* Effect.exit(Effect.scoped(Effect.provide(send, Layer.merge(live, Logger.layer([])))))
    return { end: endOf(exit), requests: requests() }
  }))

type Policy = typeof policies[number]

const check = (
  fault: Fault,
  [policy, options, times]: Policy,
  [method, , repeatable]: typeof methods[number],
  { end, requests }: Effect.Success<ReturnType<typeof call>>
) => {
  const which = `${method}, ${policy}, ended with ${end} after ${requests} requests`
  // Whether a failure that comes in the packet of the head is one of the head or of the body, the packets decide.
  const isAmbiguous = options.commit === "head" && fault.isBehindHead === true
  if (typeof fault.ends === "number") assert.strictEqual(end, fault.ends, which)
  else assert.include(isAmbiguous ? [...fault.ends, "DeadlineExceeded"] : [...fault.ends], end, which)
  const most = !fault.arrives ? 0 : fault.isTransient && repeatable ? 1 + times : 1
  // What ends by the clock may end before it has arrived, on a machine that is busy.
  if (isAmbiguous || isTimed(fault)) assert.isAtMost(requests, most, which)
  else assert.strictEqual(requests, most, which)
}

const isTimed = ({ timeouts, transport }: Fault): boolean =>
  timeouts !== undefined || transport?.headersTimeout !== undefined || transport?.bodyTimeout !== undefined

/** undici's own clock ticks so slowly that what goes by it is tried on one method that is repeatable and one that is not. */
const methodsFor = ({ transport }: Fault) =>
  transport?.headersTimeout === undefined && transport?.bodyTimeout === undefined
    ? methods
    : methods.filter(([method]) => method === "GET" || method === "POST")

/** The calls that meet a fault, by their policies. Calls that wait for a clock wait at the same time. */
const calls = (client: keyof typeof clients, fault: Fault) =>
  Effect.forEach(policies, (policy) => {
    const [, options, times] = policy
    return Effect.forEach(
      methodsFor(fault),
      (method) => Effect.map(call(fault, client, options, times, method[1]()), (outcome) => ({ method, outcome })),
      { concurrency: isTimed(fault) ? "unbounded" : 1 }
    ).pipe(Effect.map((outcomes) => [policy, outcomes] as const))
  }, { concurrency: isTimed(fault) ? "unbounded" : 1 })

const suite = (client: keyof typeof clients, faults: ReadonlyArray<Fault>) =>
  describe.each(faults.map((fault) => [fault.name, fault] as const))(`%s, over ${client}`, (_, fault) => {
    let ended: ReadonlyMap<Policy, Effect.Success<ReturnType<typeof calls>>[number][1]> = new Map()
    beforeAll(async () => {
      ended = new Map(await Effect.runPromise(Server.leavingNothing(calls(client, fault))))
    })

    it.each(policies.map((policy) => [policy[0], policy] as const))(
      "%s, sends nothing twice that must not be and leaves nothing behind",
      (_, policy) => {
        const outcomes = ended.get(policy) ?? []
        assert.strictEqual(outcomes.length, methodsFor(fault).length)
        for (const { method, outcome } of outcomes) check(fault, policy, method, outcome)
      }
    )
  })

suite("undici", [...faults, ...undiciFaults, ...tlsFaults])
suite("fetch", [...faults, ...tlsFaults.slice(0, 1)])
