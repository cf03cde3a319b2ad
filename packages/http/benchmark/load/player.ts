/**
 * One client under the script, in a process of its own.
 *
 * Calls are made at the instants at which they are due, whether or not those before have ended, and the wait of each is
 * counted from then. A loop that makes the next call after the last has ended asks less of a server that is slow, and leaves out of its
 * record just the waits that its users would have had: what Gil Tene calls coordinated omission ("How NOT to Measure
 * Latency", 2013; github.com/giltene/wrk2).
 */
import { setTimeout } from "node:timers/promises"
import { type Act, actAt, arrivals, duration } from "./acts.ts"
import { candidates } from "./clients.ts"
import { type Line, now } from "./processes.ts"

export interface Orders {
  readonly client: string
  readonly acts: ReadonlyArray<Act>
  readonly url: string
}

/** What a client came to. */
export interface Played {
  /** How long each call took from when it was due, in milliseconds. */
  readonly waits: Float64Array
  /** Whether each call had a good answer: 1 or 0. */
  readonly good: Uint8Array
  /** The most memory in each act, in bytes. */
  readonly memory: ReadonlyArray<Memory>
}

export interface Memory {
  readonly heap: number
  readonly resident: number
}

/** How long calls may take that are under way when the last act is over. */
export const patience = 5_000

const warmUp = { calls: 600, atOnce: 30 } as const

/** Tells when it is warm, takes the instant at which the first act begins, and tells what came of it. */
export const play = async ({ acts, client, url }: Orders, parent: Line): Promise<void> => {
  const candidate = candidates.find(({ name }) => name === client)
  if (candidate === undefined) throw new RangeError(`No client is called ${client}`)
  const call = (await candidate.load()).make()
  for (let made = 0; made < warmUp.calls; made += warmUp.atOnce) {
    await Promise.all(Array.from({ length: warmUp.atOnce }, () => call(`${url}/warm-up`)))
  }

  const due = arrivals(acts)
  const startAt = await parent.ask<number>("warm")
  const waits = new Float64Array(due.length)
  const good = new Uint8Array(due.length)
  const memory = acts.map(() => ({ heap: 0, resident: 0 }))
  const sampling = setInterval(() => {
    const { heapUsed, rss } = process.memoryUsage()
    const most = memory[actAt(acts, now() - startAt)]!
    most.heap = Math.max(most.heap, heapUsed)
    most.resident = Math.max(most.resident, rss)
  }, 50)

  const running = new Set<number>()
  const make = async (index: number): Promise<void> => {
    running.add(index)
    const answered = await call(`${url}/${index}`).catch(() => false)
    if (!running.delete(index)) return
    waits[index] = now() - startAt - due[index]!
    good[index] = answered ? 1 : 0
  }
  for (let next = 0; next < due.length;) {
    const wait = startAt + due[next]! - now()
    if (wait > 0) await setTimeout(wait)
    else void make(next++)
  }
  const end = startAt + duration(acts) + patience
  while (running.size > 0 && now() < end) await setTimeout(10)
  // Who has waited for so long has not had an answer.
  for (const index of running) waits[index] = now() - startAt - due[index]!
  running.clear()
  clearInterval(sampling)
  parent.send({ waits, good, memory } satisfies Played)
}
