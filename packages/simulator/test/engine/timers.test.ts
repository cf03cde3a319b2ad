import { assert, describe, it } from "@effect/vitest"
import { Delayed, Delays } from "../../src/internal/engine/delays.ts"
import { Timer, Timers } from "../../src/internal/engine/timers.ts"

class Bell extends Timer {
  override ring(): void {}
}

class DelayedBell extends Delayed {
  override ring(): void {}
}

/** A small generator, so that a failure repeats. */
const chances = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor(state / 65_536) % below
  }
}

/** All timers in the order in which they ring. */
const drain = (timers: Timers): ReadonlyArray<readonly [number, Timer]> => {
  const rang: Array<readonly [number, Timer]> = []
  while (timers.size > 0) {
    const at = timers.next
    const timer = timers.pop()
    if (timer !== undefined) rang.push([at, timer])
  }
  return rang
}

describe("Timers", () => {
  it("rings by time, and in order of arrival for equal times, whatever is removed (200 cases)", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const chance = chances(seed)
      const timers = new Timers()
      const set: Array<{ readonly at: number; readonly timer: Timer }> = []
      for (let i = 0; i < 300; i++) {
        if (set.length > 0 && chance(3) === 0) {
          const [{ timer } = { timer: new Bell() }] = set.splice(chance(set.length), 1)
          timers.remove(timer)
          // A second time does nothing.
          timers.remove(timer)
        } else {
          const entry = { at: chance(20), timer: new Bell() }
          set.push(entry)
          timers.add(entry.timer, entry.at)
        }
      }
      const expected = set.toSorted((a, b) => a.at - b.at).map(({ at, timer }) => [at, timer] as const)
      assert.strictEqual(timers.size, set.length)
      const rang = drain(timers)
      assert.deepStrictEqual(rang.map(([at]) => at), expected.map(([at]) => at))
      assert.isTrue(rang.every(([, timer], i) => timer === expected[i]![1]))
    }
  })

  it("lists of equal delays ring exactly as the heap alone would (200 cases)", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const chance = chances(seed)
      const timers = new Timers()
      const lists = new Map([1, 5, 20].map((delay) => [delay, new Delays(timers)]))
      const live: Array<{ readonly at: number; readonly order: number; readonly timer: DelayedBell }> = []
      const rang: Array<Timer> = []
      const expected: Array<Timer> = []
      let now = 0
      for (let i = 0; i < 400; i++) {
        const what = chance(4)
        if (what < 2) {
          const [delay, list] = [...lists][chance(3)]!
          const entry = { at: now + delay, order: i, timer: new DelayedBell() }
          if (chance(4) === 0) timers.add(entry.timer, entry.at)
          else list.add(entry.timer, entry.at)
          live.push(entry)
        } else if (what === 2 && live.length > 0) {
          const [{ timer }] = live.splice(chance(live.length), 1) as [typeof live[number]]
          if (timer.list === undefined) timers.remove(timer)
          else timer.list.remove(timer)
        } else {
          now += chance(4)
          while (timers.next <= now) {
            const timer = timers.pop()
            if (timer !== undefined) rang.push(timer)
          }
          const due = live.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at || a.order - b.order)
          for (const entry of due) {
            expected.push(entry.timer)
            live.splice(live.indexOf(entry), 1)
          }
        }
        assert.strictEqual(rang.length, expected.length)
      }
      assert.isTrue(rang.every((timer, i) => timer === expected[i]))
    }
  })
})
