/**
 * What a stream costs, beside the npm clients `openai` and `ai`: `node packages/llm/benchmark/streams.ts --help`.
 *
 * All candidates live in this process and take turns; the server is a process of its own, and sends the same bytes to all, over
 * connections that are open already. `openai`, `ai` and the chain send with the same global `fetch`, "by hand" with `undici`.
 */
import { availableParallelism, loadavg } from "node:os"
import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { clients, dispose, type Read } from "./internal/clients.ts"
import { interleave, median, table } from "./internal/rounds.ts"
import { type Mode, pace, type Server, start, tokensOf } from "./internal/server.ts"

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    only: { type: "string" },
    streams: { type: "string", default: "200" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})
if (values.help) {
  process.stdout.write(`What a stream costs: time to the first token, CPU a token, memory a stream.

  node packages/llm/benchmark/streams.ts [--rounds N] [--quick] [--streams N] [--only TEXT]

  --rounds N   how often each candidate runs; the median is told (default 3)
  --quick      1 round
  --streams N  how many streams are open at once (default 200)
  --only TEXT  only the candidates whose name includes one of these texts, separated by commas
  --help       this text
`)
  process.exit()
}
const rounds = Math.floor(Number(values.rounds ?? (values.quick ? 1 : 3)))
if (!(rounds >= 1)) throw new RangeError(`--rounds must be a whole number >= 1, got ${values.rounds}`)
const atOnce = Math.floor(Number(values.streams))
if (!(atOnce >= 1)) throw new RangeError(`--streams must be a whole number >= 1, got ${values.streams}`)
const only = values.only?.split(",")

setFlagsFromString("--expose-gc")
const gc = runInNewContext("gc") as () => void
const used = () => {
  gc()
  gc()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const micros = ({ system, user }: NodeJS.CpuUsage): number => system + user

/** Milliseconds to the first token, and microseconds of this process: a stream until then, and a token from then on. */
interface Measured {
  readonly [name: string]: number
  readonly first: number
  readonly opening: number
  readonly cpu: number
}

/** Opens all streams at once. When the first token of each has come, it looks, and lets the rest come. */
const play = async (read: Read, server: Server, mode: Mode, look: () => void = () => undefined): Promise<Measured> => {
  const firsts: Array<number> = []
  let waiting = atOnce
  let opening = 0
  const cpu = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: atOnce }, async () => {
    const length = await read(server.url(mode), () => {
      firsts.push(performance.now() - start)
      if (--waiting > 0) return
      opening = micros(process.cpuUsage(cpu)) / atOnce
      setImmediate(() => {
        look()
        server.release()
      })
    })
    if (length !== 6 * tokensOf[mode] - 1) throw new Error(`a text of ${length} characters is not what was sent`)
  }))
  const rest = micros(process.cpuUsage(cpu)) - opening * atOnce
  return { first: median(firsts), opening, cpu: rest / (atOnce * (tokensOf[mode] - 1)) }
}

/** KiB a stream, while all are open. */
const hold = async (read: Read, server: Server): Promise<{ readonly memory: number }> => {
  const before = used()
  let memory = NaN
  await play(read, server, "paced", () => {
    memory = (used() - before) / atOnce / 1024
  })
  return { memory }
}

const entries = Object.entries<Read>(clients).filter(([name]) =>
  only === undefined || only.some((text) => name.includes(text))
)
const each = <M extends Readonly<Record<string, number>>>(run: (read: Read) => Promise<M>, rounds: number) =>
  interleave(Object.fromEntries(entries.map(([name, read]) => [name, () => run(read)])), rounds)

const server = await start()
process.stderr.write("warming up")
await each((read) => play(read, server, "burst"), 1)
process.stderr.write(`, ${rounds} rounds with ${atOnce} streams in bursts`)
const burst = await each((read) => play(read, server, "burst"), rounds)
process.stderr.write(", token by token")
const paced = await each((read) => play(read, server, "paced"), rounds)
process.stderr.write(", held open\n")
const held = await each((read) => hold(read, server), Math.ceil(rounds / 3))
server.close()
await dispose()

const beside = burst["openai"]
const ratio = (value: number, other: number | undefined): string =>
  other === undefined ? "-" : (value / other).toFixed(2)
process.stdout.write(
  `node ${process.version}, ${availableParallelism()} cores, load ${
    loadavg()[0]!.toFixed(1)
  }, medians of ${rounds} rounds, ` +
    `${atOnce} streams at once, ${tokensOf.burst} tokens in a burst or ${tokensOf.paced}, one every ${pace} ms\n\n${
      table(
        ["", "first token", "opening", "CPU a token", "to openai", "token by token", "to openai", "memory a stream"],
        entries.map(([name]) => {
          const { cpu, first, opening } = burst[name]!
          return [
            name,
            `${first.toFixed(0)} ms`,
            `${opening.toFixed(0)} us`,
            `${cpu.toFixed(1)} us`,
            ratio(cpu, beside?.cpu),
            `${paced[name]!.cpu.toFixed(1)} us`,
            ratio(paced[name]!.cpu, paced["openai"]?.cpu),
            `${held[name]!.memory.toFixed(0)} KiB`
          ]
        })
      )
    }`
)
