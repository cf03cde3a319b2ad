/**
 * Answers a second on loopback, as a ratio to raw `undici.request` in the same run.
 *
 * Every candidate does the same job: it gets answers of 200 and reads each body as text. Where a tenth of the answers
 * are 503, it asks again at once until it has one: Holdfast by its policy, without a delay, the others in a loop by
 * hand.
 *
 * The server is a process of its own that answers from a buffer, so that the client is what is measured, and each
 * candidate is one too, so that none runs on code that the compiler has fitted to another. They take turns within each
 * round, and what is shown is the median over the rounds: what else the machine does hits all of them alike. All have
 * 100 connections, but fetch, which takes as many as it likes.
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
import { type ChildProcess, fork } from "node:child_process"
import { createServer } from "node:net"
import { availableParallelism, loadavg } from "node:os"
import { parseArgs } from "node:util"
import { Agent, request } from "undici"

const connections = 100

/** Answers every request at once; one in ten of those to `/flaky` with a 503. */
const serve = (): void => {
  const answer = (status: number, body: string) =>
    Buffer.from(
      `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`
    )
  const ok = answer(200, JSON.stringify({ sku: "4711", left: 3, warehouse: "north", updated: "2026-11-23" }))
  const busy = answer(503, "busy")
  let asked = 0
  const server = createServer({ noDelay: true }, (socket) => {
    // No client here pipelines, and a request without a body comes in one piece.
    socket.on("data", (head) => socket.write(head[5] === 0x66 && ++asked % 10 === 0 ? busy : ok))
    socket.on("error", () => undefined)
  })
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    process.send?.(typeof address === "object" ? address?.port : undefined)
  })
}

/** Gets one answer after the other while it is told to go on. */
type Worker = (url: string, goOn: () => boolean) => Promise<void>

const byPromises = (get: (url: string) => Promise<string>): Worker => (url, goOn) =>
  new Promise((resolve, reject) => {
    const next = () => {
      if (goOn()) get(url).then(next, reject)
      else resolve()
    }
    next()
  })

const raw = (): Worker => {
  const dispatcher = new Agent({ connections })
  const get = async (url: string): Promise<string> => {
    const { body, statusCode } = await request(url, { dispatcher })
    const text = await body.text()
    return statusCode === 200 ? text : get(url)
  }
  return byPromises(get)
}

const fetched = (): Worker => {
  const get = async (url: string): Promise<string> => {
    const response = await fetch(url)
    const text = await response.text()
    return response.ok ? text : get(url)
  }
  return byPromises(get)
}

const byEffects = (layer: Layer.Layer<HttpClient.HttpClient>, isTraced: boolean): Worker => {
  const runtime = ManagedRuntime.make(Layer.merge(layer, Logger.layer([])))
  return (url, goOn) =>
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
}

const transport = UndiciTransport.layer({ connections })

const holdfast = ResilientHttpClient.layer({
  retry: { times: 3, backoff: Backoff.constant({ delay: 0 }) },
  timeouts: { attempt: "10 seconds", total: "30 seconds" }
}).pipe(Layer.provide(transport))

const effect = NodeHttpClient.layerUndiciOptions({ connections })

/** The first is what the others are compared with. */
const candidates: Readonly<Record<string, () => Worker>> = {
  "undici.request": raw,
  "Holdfast": () => byEffects(holdfast, false),
  "Holdfast, traced": () => byEffects(holdfast, true),
  "UndiciTransport alone": () => byEffects(transport, false),
  "UndiciTransport alone, traced": () => byEffects(transport, true),
  "Effect's undici client": () => byEffects(effect, false),
  "Effect's undici client, traced": () => byEffects(effect, true),
  "fetch": fetched
}

const names = Object.keys(candidates)

interface Turn {
  readonly url: string
  readonly atOnce: number
  readonly millis: number
}

interface Measured {
  /** Answers a second. */
  readonly rate: number
  /** Microseconds of this process's time an answer. */
  readonly cpu: number
}

/** Takes a turn whenever the parent says so. */
const play = (worker: Worker): void => {
  process.on("message", ({ atOnce, millis, url }: Turn) => {
    const startedAt = performance.now()
    const before = process.cpuUsage()
    let asked = 0
    const goOn = () => {
      asked++
      return performance.now() < startedAt + millis
    }
    const send = () => {
      // Each worker was told no once.
      const answers = asked - atOnce
      const { system, user } = process.cpuUsage(before)
      process.send?.({ rate: answers / (performance.now() - startedAt) * 1000, cpu: (system + user) / answers })
    }
    void Promise.all(Array.from({ length: atOnce }, () => worker(url, goOn))).then(send)
  })
}

const child = (role: string): ChildProcess => {
  const process = fork(import.meta.filename, ["as", role], { execArgv: [] })
  process.on("exit", (code) => {
    if (code !== null && code !== 0) throw new Error(`${role} ended with ${code}`)
  })
  return process
}

const reply = <A>(from: ChildProcess): Promise<A> => new Promise((resolve) => from.once("message", resolve))

const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[(sorted.length - 1) >> 1] ?? NaN) + (sorted[sorted.length >> 1] ?? NaN)) / 2
}

const scenarios = [
  { path: "/", atOnce: 1, title: "1" },
  { path: "/", atOnce: 64, title: "64" },
  { path: "/", atOnce: 256, title: "256" },
  { path: "/flaky", atOnce: 1, title: "1, 503" },
  { path: "/flaky", atOnce: 64, title: "64, 503" },
  { path: "/flaky", atOnce: 256, title: "256, 503" }
]

const compare = async (rounds: number, millis: number): Promise<void> => {
  const server = child("server")
  const port = await reply<number>(server)
  const players = names.map(child)
  const measured = names.map(() => scenarios.map((): Array<Measured> => []))
  const take = async (row: number, path: string, atOnce: number, millis: number) => {
    const player = players[row]!
    player.send({ url: `http://127.0.0.1:${port}${path}`, atOnce, millis } satisfies Turn)
    return reply<Measured>(player)
  }
  process.stderr.write("warming up")
  for (const row of names.keys()) await take(row, "/flaky", 64, 15 * millis)
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`\rround ${round} of ${rounds}`)
    for (const [column, { atOnce, path }] of scenarios.entries()) {
      for (let turn = 0; turn < players.length; turn++) {
        const row = (turn + round) % players.length
        measured[row]![column]!.push(await take(row, path, atOnce, millis))
      }
    }
  }
  process.stderr.write("\n")
  for (const process of [...players, server]) process.disconnect()
  print(measured, rounds)
}

const print = (measured: ReadonlyArray<ReadonlyArray<ReadonlyArray<Measured>>>, rounds: number): void => {
  const medians = (of: (measured: Measured) => number) =>
    measured.map((row) => row.map((results) => median(results.map(of))))
  const rates = medians(({ rate }) => rate)
  const baseline = rates[0]!
  const width = Math.max(...names.map((name) => name.length))
  const line = (name: string, cells: ReadonlyArray<string>) =>
    `${name.padEnd(width)}${cells.map((cell) => cell.padStart(10)).join("")}\n`
  const table = (title: string, rows: ReadonlyArray<ReadonlyArray<number>>, digits: number) =>
    line(title, scenarios.map(({ title }) => title)) +
    names.map((name, row) => line(name, rows[row]!.map((value) => value.toFixed(digits)))).join("")
  process.stdout.write(
    `node ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}, ` +
      `medians of ${rounds} rounds. Columns: requests at once, without and with a tenth of 503.\n\n` +
      table("ratio to undici.request", rates.map((row) => row.map((rate, column) => rate / baseline[column]!)), 2) +
      `\n${table("answers a second", rates, 0)}\n${table("client's CPU an answer, us", medians(({ cpu }) => cpu), 1)}`
  )
}

const usage = `Answers a second on loopback, as a ratio to raw undici.request.

  node packages/http/benchmark/throughput.ts [--rounds N] [--quick]

  --rounds N  how many rounds, after one to warm up (default 8; about 8 seconds each)
  --quick     3 short rounds
  --help      this text
`

const { positionals: [, role], values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})

if (role !== undefined) process.on("disconnect", () => process.exit())

const rounds = Math.floor(Number(values.rounds ?? (values.quick ? 3 : 8)))

if (role === "server") serve()
else if (role !== undefined) play(candidates[role]!())
else if (values.help) process.stdout.write(usage)
else if (rounds >= 1) await compare(rounds, values.quick ? 50 : 150)
else throw new RangeError(`--rounds must be a whole number >= 1, got ${values.rounds}`)
