/**
 * Compares candidates in one process: each round runs every candidate of every row once, in an order that rotates, so that a
 * machine that gets slower or faster does so for all of them. What is told of a candidate is its median over the rounds.
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
  readonly onRound: (round: number) => void
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? sorted[middle] ?? NaN
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** The entries in another order each round, so that none always comes first. */
export const rotate = <A>(candidates: Readonly<Record<string, A>>, round: number): ReadonlyArray<[string, A]> => {
  const entries = Object.entries(candidates)
  const from = round % entries.length
  return [...entries.slice(from), ...entries.slice(0, from)]
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

/** Measures all rows. `onRound` is told of each round before it begins; 0 is the one that warms up. */
export const measure = async (
  rows: ReadonlyArray<Row>,
  { millis, onRound, rounds }: Options
): Promise<ReadonlyArray<Result>> => {
  onRound(0)
  const calls = new Map<Run, number>()
  const samples = new Map<Run, Array<Cell>>()
  for (const run of rows.flatMap(({ runs }) => Object.values(runs))) {
    calls.set(run, await callsFor(run, millis))
    samples.set(run, [])
  }
  for (let round = 1; round <= rounds; round++) {
    onRound(round)
    for (const { runs } of rows) {
      for (const [, run] of rotate(runs, round)) {
        const n = calls.get(run) ?? 1
        samples.get(run)?.push({ ns: await timed(run, n) / n * 1e6, bytes: Math.max(0, await allocated(run, n) / n) })
      }
    }
  }
  const cellOf = (run: Run): Cell => {
    const all = samples.get(run) ?? []
    return { ns: median(all.map(({ ns }) => ns)), bytes: median(all.map(({ bytes }) => bytes)) }
  }
  return rows.map(({ name, runs }) => ({
    name,
    cells: Object.fromEntries(Object.entries(runs).map(([candidate, run]) => [candidate, cellOf(run)]))
  }))
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
