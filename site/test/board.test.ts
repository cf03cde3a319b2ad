/** A real Prometheus scrapes a program that uses every part, and is asked the query of every panel of the Grafana board. */
import { Bulkhead, CircuitBreaker, Policy, PolicyEvent } from "@holdfast/core"
import { ResilientHttpClient } from "@holdfast/http"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import { ProviderChain } from "@holdfast/llm"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import { Context, Effect, Fiber, Layer, Metric, Stream } from "effect"
import { AiError, LanguageModel } from "effect/ai"
import { HttpClient } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, test } from "vitest"
import { rows } from "../../scripts/grafanaBoard.ts"
import { locate } from "../../vitest.servers.ts"

/** One round of a program in which everything happens that the board shows. */
const round = (bulkhead: Bulkhead.Bulkhead) =>
  Effect.gen(function*() {
    const { protect } = yield* Policy.make({
      name: "stock",
      bulkhead,
      retry: { times: 1 },
      circuitBreaker: { trip: CircuitBreaker.consecutive(2) }
    })
    yield* Effect.ignore(protect(Effect.fail("503")))
    yield* Effect.ignore(protect(Effect.succeed("rejected by the open circuit")))
    yield* Effect.flatMap(HttpClient.get("http://stock/12"), (response) => response.text)
    yield* LanguageModel.generateText({ prompt: "Hello?" })
    yield* Stream.runDrain(LanguageModel.streamText({ prompt: "Hello?" }))
  }).pipe(
    Effect.provide([
      PolicyEvent.layerMetrics,
      ResilientHttpClient.layer({ retry: { times: 1 } }).pipe(
        Layer.provide(TestTransport.layer([TestTransport.respond(503), TestTransport.respond(200)]))
      ),
      ProviderChain.layer({
        providers: [
          TestProvider.script("cloud", [TestProvider.failure(new AiError.QuotaExhaustedError({}))]),
          TestProvider.script("ollama", [TestProvider.text("Hello"), TestProvider.text("Hello")])
        ]
      })
    ])
  )

const rounds = Effect.gen(function*() {
  const bulkhead = yield* Bulkhead.make({ name: "stock", limit: 1, queue: 0 })
  yield* Bulkhead.metrics(bulkhead)
  for (;;) yield* Effect.delay(round(bulkhead), "200 millis")
})

let program: Server
let prometheus: ChildProcess
let api: string
let running: Fiber.Fiber<unknown, unknown>
const home = mkdtempSync(join(tmpdir(), "holdfast-"))

const listen = async (server: Server): Promise<number> => {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  const binary = locate("prometheus")
  assert(binary !== undefined, "prometheus is not installed: apt-get install prometheus")
  const context = Context.make(Metric.MetricRegistry, new Map())
  // Rounds go on while Prometheus scrapes, so that every counter grows.
  running = Effect.runFork(Effect.provideContext(Effect.scoped(rounds), context))
  program = createServer((_, response) => {
    Effect.runPromise(Effect.provideContext(PrometheusMetrics.format(), context)).then(
      (page) => response.setHeader("content-type", "text/plain").end(page),
      (error) => response.destroy(error)
    )
  })
  const target = await listen(program)
  const free = createServer()
  const port = await listen(free)
  free.close()
  writeFileSync(
    join(home, "prometheus.yml"),
    `scrape_configs:
  - job_name: program
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs: [{ targets: ["127.0.0.1:${target}"] }]
`
  )
  api = `http://127.0.0.1:${port}/api/v1/query`
  prometheus = spawn(binary, [
    `--config.file=${join(home, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(home, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`
  ], { stdio: "ignore" })
})

afterAll(async () => {
  await Effect.runPromise(Fiber.interrupt(running))
  const ended = once(prometheus, "exit")
  prometheus.kill("SIGTERM")
  await ended
  program.close()
  program.closeAllConnections()
  rmSync(home, { recursive: true, force: true })
})

const ask = async (query: string): Promise<ReadonlyArray<{ readonly value: readonly [number, string] }>> => {
  const response = await fetch(`${api}?query=${encodeURIComponent(query)}`)
  const body = await response.json() as {
    readonly status: string
    readonly error?: string
    readonly data?: { readonly result: ReadonlyArray<{ readonly value: readonly [number, string] }> }
  }
  assert(body.status === "success", `${query}: ${body.error}`)
  return body.data?.result ?? []
}

/** Whether a query has a figure, as soon as it has one: a rate needs two scrapes. */
const hasFigures = async (query: string): Promise<boolean> => {
  for (;;) {
    const samples = await ask(query).catch((error: unknown) => {
      // Prometheus does not listen yet.
      if (error instanceof TypeError) return []
      throw error
    })
    if (samples.some(({ value }) => Number.isFinite(Number(value[1])))) return true
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

for (const { panels, title } of rows) {
  for (const panel of panels) {
    test(`${title}: "${panel.title}" has figures`, async () => {
      assert.isTrue(await hasFigures(panel.query.replaceAll("$__rate_interval", "1m")))
    })
  }
}
