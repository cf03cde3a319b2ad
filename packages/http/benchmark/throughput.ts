/**
 * Answers a second on loopback, as a ratio to raw `undici.request` in the same run: `node benchmark/throughput.ts --help`.
 *
 * The server is a process of its own that answers from a buffer, so that the client is what is measured, and each
 * client is one too, so that none runs on code that the compiler has fitted to another. They take turns within each
 * round, and what is shown is the median over the rounds: what else the machine does hits all of them alike.
 */
import { type ChildProcess, fork } from "node:child_process"
import { availableParallelism, cpus, loadavg } from "node:os"
import { parseArgs } from "node:util"
import { clients, type Worker } from "./internal/throughputClients.ts"
import { serve } from "./internal/throughputServer.ts"

const usage = `Answers a second on loopback, as a ratio to raw undici.request.

  node packages/http/benchmark/throughput.ts [--rounds N] [--turn MS] [--warm-up MS] [--only TEXT] [--quick]

  --rounds N   how many rounds (default 8)
  --turn MS    how long each client is measured in each round and column (default 150)
  --warm-up MS how long each client runs before the first round (default 5000)
  --only TEXT  the clients whose name has TEXT in it, and undici.request; may be given again
  --quick      3 rounds with turns of 50 ms after 400 ms to warm up: shows that it works, no more
  --profile X  the client named X alone, in this process, for node --cpu-prof; with --at-once N (default 64) and --flaky
  --help       this text

A turn of 150 ms for 16 clients in 6 columns makes 15 seconds a round, after 80 to warm up. The compiler is done with a
client after some 50,000 answers: what is measured before then is how much code a client has, and not how fast it is.
`

const { positionals: [, role], values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    turn: { type: "string" },
    "warm-up": { type: "string" },
    only: { type: "string", multiple: true },
    quick: { type: "boolean", default: false },
    profile: { type: "string" },
    "at-once": { type: "string" },
    flaky: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})

const names = Object.keys(clients).filter((name, row) =>
  row === 0 || values.only === undefined || values.only.some((text) => name.includes(text))
)

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

const measure = async (worker: Worker, { atOnce, millis, url }: Turn): Promise<Measured> => {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  let asked = 0
  const goOn = () => {
    asked++
    return performance.now() < startedAt + millis
  }
  await Promise.all(Array.from({ length: atOnce }, () => worker(url, goOn)))
  // Each worker was told no once.
  const answers = asked - atOnce
  const { system, user } = process.cpuUsage(before)
  return { rate: answers / (performance.now() - startedAt) * 1000, cpu: (system + user) / answers }
}

/** Takes a turn whenever the parent says so. */
const play = (worker: Worker): void => {
  process.on("message", (turn: Turn) => void measure(worker, turn).then((measured) => process.send?.(measured)))
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

const compare = async (rounds: number, millis: number, warmUp: number): Promise<void> => {
  const server = child("server")
  const port = await reply<number>(server)
  const players = names.map(child)
  const measured = names.map(() => scenarios.map((): Array<Measured> => []))
  const take = async (row: number, path: string, atOnce: number, millis: number) => {
    const player = players[row]!
    player.send({ url: `http://127.0.0.1:${port}${path}`, atOnce, millis } satisfies Turn)
    return reply<Measured>(player)
  }
  for (const row of names.keys()) {
    process.stderr.write(`\rwarming up ${row + 1} of ${names.length}`)
    for (const { atOnce, path } of scenarios) await take(row, path, atOnce, warmUp / scenarios.length)
  }
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`\rround ${round} of ${rounds}          `)
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
    `node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model.trim()}), load ${
      loadavg()[0]!.toFixed(1)
    }, ` +
      `medians of ${rounds} rounds. Columns: requests at once, without and with a tenth of 503.\n\n` +
      table("ratio to undici.request", rates.map((row) => row.map((rate, column) => rate / baseline[column]!)), 2) +
      `\n${table("answers a second", rates, 0)}\n${table("client's CPU an answer, us", medians(({ cpu }) => cpu), 1)}`
  )
}

const whole = (name: string, text: string | undefined, or: number): number => {
  const value = Number(text ?? or)
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${name} must be a whole number >= 1, got ${text}`)
  return value
}

/** Runs one client for a while, in this process. */
const profile = async (name: string): Promise<void> => {
  const make = clients[name]
  if (make === undefined) throw new RangeError(`--profile must be one of ${names.join(", ")}, got ${name}`)
  const server = child("server")
  const url = `http://127.0.0.1:${await reply<number>(server)}/${values.flaky ? "flaky" : ""}`
  const worker = make()
  const atOnce = whole("at-once", values["at-once"], 64)
  for (let turn = 1; turn <= 5; turn++) {
    const { cpu, rate } = await measure(worker, { url, atOnce, millis: 1000 })
    process.stderr.write(`${name}: ${rate.toFixed(0)} a second, ${cpu.toFixed(1)} us of CPU each\n`)
  }
  process.exit()
}

const rounds = whole("rounds", values.rounds, values.quick ? 3 : 8)
const turn = whole("turn", values.turn, values.quick ? 50 : 150)
const warmUp = whole("warm-up", values["warm-up"], values.quick ? 400 : 5000)

if (role !== undefined) process.on("disconnect", () => process.exit())

if (role === "server") serve((port) => process.send?.(port))
else if (role !== undefined) play(clients[role]!())
else if (values.help) process.stdout.write(usage)
else if (values.profile !== undefined) await profile(values.profile)
else await compare(rounds, turn, warmUp)
