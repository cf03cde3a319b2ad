/**
 * How long it takes until the calls succeed again.
 *
 * Guarded by `test/model.test.ts` and `test/published.test.ts`.
 */

/** Calls and successes by the slot in which the calls began. */
export interface Cohorts {
  readonly every: number
  readonly started: ReadonlyArray<number>
  readonly succeeded: ReadonlyArray<number>
}

/** Slots are looked at together until they have as many calls: a share of fewer says little. */
const fewest = 50

/** The success of a group of slots has to be at least this share of what it was before. */
const threshold = 0.95

/**
 * The time from `to`, when the last event ends, to the end of the last group of slots that is worse than those before
 * `from`. `Infinity` if that is the last group of all.
 */
export const recoveryOf = ({ every, started, succeeded }: Cohorts, from: number, to: number): number => {
  const sum = (values: ReadonlyArray<number>, first: number, last: number) =>
    values.slice(first, last).reduce((sum, value) => sum + value, 0)
  const before = Math.floor(from / every)
  const calls = sum(started, 0, before)
  const usual = calls === 0 ? 1 : sum(succeeded, 0, before) / calls
  const first = Math.ceil(to / every)
  let recovery = 0
  let group = { calls: 0, successes: 0 }
  for (let slot = first; slot < started.length; slot++) {
    group = {
      calls: group.calls + (started[slot] ?? 0),
      successes: group.successes + (succeeded[slot] ?? 0)
    }
    const isLast = slot === started.length - 1
    if (group.calls < fewest && !isLast) continue
    // A few calls at the very end prove nothing.
    if (
      group.calls > 0 && group.successes < threshold * usual * group.calls && (group.calls >= fewest || recovery > 0)
    ) {
      recovery = isLast || slot + 1 >= started.length ? Infinity : (slot + 1) * every - to
    }
    group = { calls: 0, successes: 0 }
  }
  return recovery
}
