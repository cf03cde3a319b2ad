/**
 * Requests a second on loopback, as a ratio to raw `undici.request` in the same run.
 *
 * Every candidate does the same job: it gets answers of 200 and reads each body as text. Where a tenth of the answers
 * are 503, it asks again at once until it has one: Holdfast by its policy, without a delay, the others in a loop by
 * hand.
 *
 * The server is a process of its own that answers from a string, so that the client is what is measured. All have 100
 * connections, but fetch, which takes as many as it likes. Candidates take turns within each round, and what is shown
 * is the median over the rounds: what else the machine does hits all of them alike.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { fork } from "node:child_process"
import { createServer } from "node:net"
import { availableParallelism, loadavg } from "node:os"
import { parseArgs } from "node:util"
import { Agent, request } from "undici"

const connections = 100

/** Answers every request at once; one in ten of those to `/flaky` with a 503. */
const serve = (): void => {
  const answer = (status: number, body: string) =>
    `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n` +
    `content-length: ${body.length}\r\n\r\n${body}`
  const ok = answer(200, JSON.stringify({ sku: "4711", left: 3, warehouse: "north", updated: "2026-11-23" }))
  const busy = answer(503, "busy")
  let asked = 0
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    // No client here pipelines, and a request without a body comes in one piece.
    socket.on("data", (head) => socket.write(head[5] === 0x66 && ++asked % 10 === 0 ? busy : ok))
    socket.on("error", () => undefined)
  })
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    process.send?.(typeof address === "object" ? address?.port : undefined)
  })
  process.on("disconnect", () => process.exit())
}

interface Candidate {
  readonly name: string
  /** Gets one answer after the other while it is told to go on. */
  readonly worker: (url: string, goOn: () => boolean) => Promise<void>
  readonly close: () => Promise<unknown>
}

const byPromises = (
  name: string,
  get: (url: string) => Promise<string>,
  close: () => Promise<unknown> = () => Promise.resolve()
): Candidate => ({
  name,
  close,
  worker: (url, goOn) =>
    new Promise((resolve, reject) => {
      const next = () => {
        if (goOn()) get(url).then(next, reject)
        else resolve()
      }
      next()
    })
})

const raw = (): Candidate => {
  const dispatcher = new Agent({ connections })
  const get = async (url: string): Promise<string> => {
    const { body, statusCode } = await request(url, { dispatcher })
    const text = await body.text()
    return statusCode === 200 ? text : get(url)
  }
  return byPromises("undici.request", get, () => dispatcher.close())
}

const fetched = (): Candidate => {
  const get = async (url: string): Promise<string> => {
    const response = await fetch(url)
    const text = await response.text()
    return response.ok ? text : get(url)
  }
  return byPromises("fetch", get)
}

const byEffects = (name: string, layer: Layer.Layer<HttpClient.HttpClient>): ReadonlyArray<Candidate> => {
  const runtime = ManagedRuntime.make(Layer.merge(layer, Logger.layer([])))
  return [false, true].map((isTraced): Candidate => ({
    name: isTraced ? `${name}, traced` : name,
    close: () => runtime.dispose(),
    worker: (url, goOn) =>
      runtime.runPromise(
        Effect.gen(function*() {
          const client = yield* HttpClient.HttpClient
          while (goOn()) {
            let status = 0
            while (status !== 200) {
              const response = yield* client.get(url)
              yield* response.text
              status = response.status
            }
          }
        }).pipe(Effect.orDie, Effect.provideService(HttpClient.TracerDisabledWhen, () => !isTraced))
      )
  }))
}

const transport = UndiciTransport.layer({ connections })

const holdfast = ResilientHttpClient.layer({
  retry: { times: 3, backoff: Backoff.constant({ delay: 0 }) },
  timeouts: { attempt: "10 seconds", total: "30 seconds" }
}).pipe(Layer.provide(transport))

/** How many answers a second `atOnce` workers get in about that long. */
const rate = async (candidate: Candidate, url: string, atOnce: number, millis: number): Promise<number> => {
  const startedAt = performance.now()
  const until = startedAt + millis
  let asked = 0
  const goOn = () => {
    asked++
    return performance.now() < until
  }
  await Promise.all(Array.from({ length: atOnce }, () => candidate.worker(url, goOn)))
  // Each worker was told no once.
  return (asked - atOnce) / (performance.now() - startedAt) * 1000
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[(sorted.length - 1) >> 1] ?? NaN) + (sorted[sorted.length >> 1] ?? NaN)) / 2
}

const usage = `Requests a second on loopback, as a ratio to raw undici.request.

  node packages/http/benchmark/throughput.ts [--rounds N] [--quick]

  --rounds N  how many rounds, after one to warm up (default 8; about 8 seconds each)
  --quick     3 short rounds
  --help      this text
`

const options = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})

const rounds = Math.floor(Number(options.values.rounds ?? (options.values.quick ? 3 : 8)))

const scenarios = ["/", "/flaky"].flatMap((path) =>
  [1, 64, 256].map((atOnce) => ({ path, atOnce, title: `${path === "/" ? "" : "10% 503, "}${atOnce} at once` }))
)

const main = async (rounds: number, millis: number): Promise<void> => {
  const server = fork(import.meta.filename, ["serve"], { execArgv: [] })
  const port = await new Promise<unknown>((resolve) => server.once("message", resolve))
  const candidates = [
    raw(),
    ...byEffects("Holdfast", holdfast),
    ...byEffects("UndiciTransport alone", transport),
    ...byEffects("Effect's undici client", NodeHttpClient.layerUndiciOptions({ connections })),
    fetched()
  ]
  const rates = candidates.map(() => scenarios.map((): Array<number> => []))
  for (let round = 0; round <= rounds; round++) {
    process.stderr.write(round === 0 ? "warming up\r" : `round ${round} of ${rounds}\r`)
    for (const [column, { atOnce, path }] of scenarios.entries()) {
      for (let turn = 0; turn < candidates.length; turn++) {
        const row = (turn + round) % candidates.length
        const measured = await rate(candidates[row]!, `http://127.0.0.1:${port}${path}`, atOnce, millis)
        if (round > 0) rates[row]![column]!.push(measured)
      }
    }
  }
  process.stderr.write("\n")
  await Promise.all(candidates.map(({ close }) => close()))
  server.disconnect()
  print(candidates.map(({ name }) => name), rates.map((row) => row.map(median)), rounds)
}

const print = (names: ReadonlyArray<string>, medians: ReadonlyArray<ReadonlyArray<number>>, rounds: number): void => {
  const [baseline = []] = medians
  const width = Math.max(...names.map((name) => name.length))
  const line = (name: string, cells: ReadonlyArray<string>) =>
    `${name.padEnd(width)}${cells.map((cell, index) => cell.padStart(scenarios[index]!.title.length + 2)).join("")}\n`
  process.stdout.write(
    `node ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}, ` +
      `medians of ${rounds} rounds, ratios to undici.request\n\n` +
      line("", scenarios.map(({ title }) => title)) +
      names.map((name, row) => line(name, baseline.map((base, column) => (medians[row]![column]! / base).toFixed(2))))
        .join("") +
      line("undici.request, req/s", baseline.map((base) => Math.round(base).toLocaleString("en")))
  )
}

if (options.positionals[0] === "serve") serve()
else if (options.values.help) process.stdout.write(usage)
else if (rounds >= 1) await main(rounds, options.values.quick ? 50 : 150)
else throw new RangeError(`--rounds must be a whole number >= 1, got ${options.values.rounds}`)
