/** Every scenario gives the same over Effect's own clients and over ours, and over ours on top of Effect's. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciFetch from "@holdfast/http/UndiciFetch"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { contractServer } from "../fetch/server.ts"
import { rest } from "./combinators.ts"
import { requests } from "./requests.ts"
import { responses } from "./responses.ts"
import { ended, type Scenario, type Scenarios } from "./Scenario.ts"
import { spans } from "./tracing.ts"

const contract: Readonly<Record<string, Scenarios>> = { ...requests, ...responses, ...rest, ...spans }

const fetch = FetchHttpClient.layer
const undici = NodeHttpClient.layerUndici
const node = NodeHttpClient.layerNodeHttp

/** A policy that decides nothing: what it wraps must be as it was. */
const decidesNothing = { retry: false, commit: "head" } as const
const nothing = ResilientHttpClient.layer(decidesNothing)
/** Clocks around every body, none of which rings. */
const clocks = ResilientHttpClient.layer({ retry: false, timeouts: { attempt: "1 minute", total: "1 minute" } })

const clients = {
  "UndiciTransport": { own: UndiciTransport.layer(), oracle: undici },
  "a policy over UndiciTransport": { own: Layer.provide(nothing, UndiciTransport.layer()), oracle: undici },
  "clocks over UndiciTransport": { own: Layer.provide(clocks, UndiciTransport.layer()), oracle: undici },
  "a policy over fetch": { own: Layer.provide(nothing, fetch), oracle: fetch },
  "clocks over fetch": { own: Layer.provide(clocks, fetch), oracle: fetch },
  "a policy over a policy over UndiciTransport": {
    own: Layer.provide(nothing, Layer.provide(clocks, UndiciTransport.layer())),
    oracle: undici
  },
  "Effect's fetch client over a ResilientFetch": {
    own: Layer.provide(fetch, Layer.succeed(FetchHttpClient.Fetch, ResilientFetch.createFetch(decidesNothing))),
    oracle: fetch
  },
  "Effect's fetch client over an UndiciFetch": {
    own: Layer.provide(
      fetch,
      Layer.effect(
        FetchHttpClient.Fetch,
        Effect.acquireRelease(
          Effect.sync(() => UndiciFetch.createFetch(decidesNothing)),
          (fetch) => Effect.promise(() => fetch.close())
        )
      )
    ),
    oracle: fetch
  },
  "a policy over Effect's undici client": { own: Layer.provide(nothing, undici), oracle: undici },
  "a policy over node:http": { own: Layer.provide(nothing, node), oracle: node }
} satisfies Readonly<
  Record<string, { own: Layer.Layer<HttpClient.HttpClient>; oracle: Layer.Layer<HttpClient.HttpClient> }>
>

/** Where ours differ from Effect's on purpose: what Effect's says, as ours says it. */
const differences: ReadonlyArray<readonly [which: RegExp, over: RegExp, say: (wanted: unknown) => unknown]> = [
  // The connection failed, not the decoding: so `retryTransient` and policies see that another attempt may succeed.
  [/ that is cut/, /UndiciTransport/, (wanted) => JSON.parse(JSON.stringify(wanted).replace("Decode", "Transport"))],
  // A body of nothing is an empty stream, over fetch as over undici.
  [/ a (204|304) as stream/, /over fetch/, () => [""]]
]

/** A scenario that waits for ever says nothing, whichever client it waits for. */
class Hangs extends Error {}

const run = (layer: Layer.Layer<HttpClient.HttpClient>, scenario: Scenario) =>
  Effect.gen(function*() {
    const server = yield* Effect.acquireDisposable(Effect.promise(contractServer))
    const client = yield* HttpClient.HttpClient
    return yield* ended(
      scenario(client, server).pipe(
        Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.die(new Hangs()) })
      )
    )
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(layer, Logger.layer([]))))

describe.each(Object.entries(clients))("%s", (over, { oracle, own }) => {
  describe.each(Object.entries(contract))("%s", (group, scenarios) => {
    it.live.each(Object.entries(scenarios))("%s", ([name, scenario]) =>
      Effect.gen(function*() {
        const [got, wanted] = yield* Effect.all([run(own, scenario), run(oracle, scenario)], { concurrency: 2 })
        assert.notInclude(JSON.stringify(wanted), "Hangs")
        const difference = differences.find(([which, whose]) => which.test(`${group} ${name}`) && whose.test(over))
        assert.deepStrictEqual(got, difference === undefined ? wanted : difference[2](wanted))
      }))
  })
})
