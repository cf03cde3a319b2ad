/**
 * Compares candidates in one process: each round runs every candidate once, in an order that rotates, so that a machine that
 * gets slower or faster does so for all of them. What is told of a candidate is its median over the rounds.
 *
 * Bytes are all that was allocated, whether or not it was collected since: the growth of the used heap from each garbage
 * collection to the next, which V8 reports to its `GCProfiler`. They are taken in runs of their own, beside those that are
 * timed.
 */
import { GCProfiler } from "node:v8"

/** Makes so many calls, one after the other. */
export type Run = (calls: number) => Promise<unknown>

/** What is compared, and how each candidate does it, by the candidate's name. Who is missing cannot do it. */
export interface Row {
  readonly name: string
  readonly runs: Readonly<Record<string, Run>>
}

export interface Cell {
  /** Nanoseconds a call. */
  readonly ns: number
  /** Bytes allocated a call. */
  readonly bytes: number
}

export interface Result {
  readonly name: string
  readonly cells: Readonly<Record<string, Cell>>
}

export interface Options {
  readonly rounds: number
  /** How long each timed run is to take. */
  readonly millis: number
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? sorted[middle] ?? NaN
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** Runs `task` for every candidate in every round, and gives what it gave, by candidate. */
export const interleave = async <A, B>(
  candidates: Readonly<Record<string, A>>,
  rounds: number,
  task: (candidate: A, name: string) => Promise<B>
): Promise<Record<string, ReadonlyArray<B>>> => {
  const entries = Object.entries(candidates)
  const results = new Map<string, Array<B>>(entries.map(([name]) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const from = round % entries.length
    for (const [name, candidate] of [...entries.slice(from), ...entries.slice(0, from)]) {
      results.get(name)?.push(await task(candidate, name))
    }
  }
  return Object.fromEntries(results)
}

const timed = async (run: Run, calls: number): Promise<number> => {
  const start = performance.now()
  await run(calls)
  return performance.now() - start
}

/** How many calls take about so long, found with a candidate that is warm by then. */
const callsFor = async (run: Run, millis: number): Promise<number> => {
  for (let calls = 100;; calls *= 2) {
    const took = await timed(run, calls)
    if (took >= millis / 2) return Math.max(1, Math.round(calls * millis / took))
  }
}

const allocated = async (run: Run, calls: number): Promise<number> => {
  const profiler = new GCProfiler()
  profiler.start()
  let from = process.memoryUsage().heapUsed
  await run(calls)
  const to = process.memoryUsage().heapUsed
  let bytes = 0
  for (const { afterGC, beforeGC } of profiler.stop().statistics) {
    bytes += beforeGC.heapStatistics.usedHeapSize - from
    from = afterGC.heapStatistics.usedHeapSize
  }
  return bytes + to - from
}

/** Measures one row. */
export const measure = async ({ name, runs }: Row, { millis, rounds }: Options): Promise<Result> => {
  const calls = new Map<Run, number>()
  for (const run of Object.values(runs)) calls.set(run, await callsFor(run, millis))
  const samples = await interleave(runs, rounds, async (run): Promise<Cell> => {
    const n = calls.get(run) ?? 1
    return { ns: await timed(run, n) / n * 1e6, bytes: Math.max(0, await allocated(run, n) / n) }
  })
  return {
    name,
    cells: Object.fromEntries(
      Object.entries(samples).map(([candidate, cells]) => [candidate, {
        ns: median(cells.map(({ ns }) => ns)),
        bytes: median(cells.map(({ bytes }) => bytes))
      }])
    )
  }
}

/** Lines of cells in columns: the first to the left, the others to the right. */
export const table = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = lines.reduce<ReadonlyArray<number>>(
    (widths, line) => line.map((cell, column) => Math.max(cell.length, widths[column] ?? 0)),
    []
  )
  return lines.map((line) =>
    line.map((cell, column) => column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)).join(
      "  "
    )
      .trimEnd()
  ).join("\n")
}

export const number = (value: number | undefined): string =>
  value === undefined ? "-" : Math.round(value).toLocaleString("en")

/** `value` as a multiple of `base`. */
export const ratio = (value: number | undefined, base: number | undefined): string => {
  if (value === undefined || base === undefined || base === 0) return "-"
  const times = value / base
  return `${times.toFixed(times < 9.95 ? 1 : 0)} x`
}
