/**
 * How clients bear a server in trouble: `node packages/http/benchmark/load/load.ts --help`.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { availableParallelism, loadavg } from "node:os"
import { dirname } from "node:path"
import { parseArgs } from "node:util"
import { type Act, duration, quick, rate, script, starts } from "./acts.ts"
import { candidates } from "./clients.ts"
import { type Orders as PlayerOrders, play, type Played } from "./player.ts"
import { now, parent, start } from "./processes.ts"
import { type Orders as ServerOrders, type Seen, serve } from "./server.ts"
import { evaluate, type Result } from "./statistics.ts"

const help = `How clients bear a server in trouble: latency, throughput, amplification, sockets and memory.

  node packages/http/benchmark/load/load.ts [options]

A server on loopback plays a script of trouble (${script(1).map(({ name }) => name).join(", ")}), and one client
after the other lives through it, from the same seed, ${rate} calls a second. Calls are made when they are due, whether
or not those before have ended, and their time counts from then, so that no client hides the waits that it causes.

  --quick          only an outage of ${quick[1]!.millis / 1000} s between ${quick[0]!.millis / 1000} s of health and ${
  quick[2]!.millis / 1000
} s of recovery, and how to read it:
                   about a minute in all
  --scale <n>      how long the acts are, of the 42 seconds that they take together (default 1: about 5 minutes in all).
                   Timeouts and delays stay as they are, so below 1 retries outlast more of the trouble
  --clients <a,b>  only these, of ${candidates.map(({ name }) => name).join(", ")} (default all)
  --seed <n>       the seed of the server's chances (default 1)
  --report <file>  write the results and their plots as one HTML file that needs no network
  --plot <file>    write the main plot alone, as SVG
  --json           print the results as JSON instead of tables
  --help           print this

How to read it, by act and client:
  good             the share of calls that ended with a whole answer of 200; good/s is how many a second
  p50 to max       how long calls took, good or not, from when they were due
  requests/call    how many requests the server saw for a call: what retries cost it
  sockets          the most that were open at the server
  heap, RSS        the most memory of the client's process, which does nothing else
`

/** One client through the whole script; `onAct` is told of each act as it begins. */
const run = async (
  client: string,
  acts: ReadonlyArray<Act>,
  bucket: number,
  seed: number,
  onAct: (name: string) => void
): Promise<Result> => {
  const server = start(import.meta.filename, "server", { acts, bucket, seed } satisfies ServerOrders)
  const port = await server.next<number>()
  const player = start(
    import.meta.filename,
    "player",
    { client, acts, url: `http://127.0.0.1:${port}` } satisfies PlayerOrders
  )
  const timers: Array<NodeJS.Timeout> = []
  try {
    await player.next()
    const startAt = now() + 200
    for (const [index, start] of starts(acts).entries()) {
      timers.push(setTimeout(() => onAct(acts[index]!.name), startAt + start - now()))
    }
    server.send(startAt)
    const played = await player.ask<Played>(startAt)
    return evaluate(client, acts, bucket, played, await server.ask<Seen>("seen"))
  } finally {
    for (const timer of timers) clearTimeout(timer)
    await Promise.all([player.end(), server.end()])
  }
}

/** Tells on stderr how far it is, in place on a terminal. */
const progress = (text: string): void => {
  process.stderr.write(process.stderr.isTTY ? `\r\u001B[K${text}` : `${text}\n`)
}

const options = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      scale: { type: "string" },
      clients: { type: "string" },
      seed: { type: "string", default: "1" },
      report: { type: "string" },
      plot: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false }
    }
  })

type Values = ReturnType<typeof options>["values"]

const suite = async (values: Values): Promise<void> => {
  const names = values.clients?.split(",") ?? candidates.map(({ name }) => name)
  const chosen = names.map((wanted) => {
    const known = candidates.find(({ name }) => name.toLowerCase() === wanted.trim().toLowerCase())
    if (known === undefined) {
      throw new RangeError(`--clients must be of ${candidates.map(({ name }) => name).join(", ")}, got ${wanted}`)
    }
    return known
  })
  const seed = Number(values.seed)
  if (!Number.isSafeInteger(seed)) throw new RangeError(`--seed must be a whole number, got ${values.seed}`)

  const scale = Number(values.scale ?? 1)
  if (!(scale >= 0.01 && scale <= 2)) throw new RangeError(`--scale must be between 0.01 and 2, got ${values.scale}`)

  // Not after five minutes.
  for (const file of [values.report, values.plot]) {
    if (file !== undefined) await mkdir(dirname(file), { recursive: true })
  }
  if (values.quick && values.scale !== undefined) {
    throw new RangeError("--quick has a length of its own: leave out --scale")
  }
  const acts = values.quick ? quick : script(scale)
  const bucket = duration(acts) / 84
  const results: Array<Result> = []
  for (const [index, { name }] of chosen.entries()) {
    results.push(
      await run(name, acts, bucket, seed, (act) => progress(`${name} (${index + 1} of ${chosen.length}): ${act}`))
    )
  }
  if (process.stderr.isTTY) progress("")
  const setting = `node ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}, ` +
    `${rate} calls a second, seed ${seed}`
  const { explanation, table } = await import("./table.ts")
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ setting, acts, results }, undefined, 2)}\n`
      : `${setting}\n\n${table(results)}\n\n${explanation(acts, results)}\n`
  )
  if (values.plot !== undefined) {
    await writeFile(values.plot, await (await import("./plot.ts")).picture(acts, results))
    progress(`wrote ${values.plot}`)
  }
  if (values.report !== undefined) {
    await writeFile(values.report, await (await import("./report.ts")).report(setting, acts, chosen, results))
    progress(`wrote ${values.report}`)
  }
}

const main = async (): Promise<void> => {
  const { positionals: [, role], values } = options()
  if (role !== undefined) {
    process.on("disconnect", () => process.exit())
    const line = parent()
    return role === "server" ? serve(await line.next(), line) : play(await line.next(), line)
  }
  if (values.help) process.stdout.write(help)
  else await suite(values)
}

await main().catch((error: unknown) => {
  const isUsage = error instanceof RangeError || (error instanceof TypeError && "code" in error)
  if (!isUsage) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
})
