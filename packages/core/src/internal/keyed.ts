/**
 * State by key, bounded in number, with one rule for what is evicted.
 *
 * Breakers, bulkheads, rate limits, hedges and stores keep something for each key that callers name. Keys come from outside,
 * so their number has no bound of its own: a new key makes room for itself. The least recently used values are examined,
 * a bounded number of them, so that a flood of new keys costs each call the same.
 *
 * Guarded by `test/keyed.test.ts` and `test/RetryBudget.test.ts`.
 */

/** What would be lost with a value. */
export type Loss =
  /** Nothing: a new value would behave the same. It is evicted as soon as it is examined. */
  | "nothing"
  /** Something that the next calls bring back. It is evicted to make room. */
  | "little"
  /** A decision, such as an open circuit. It is evicted to make room if none of the others examined has less to lose. */
  | "much"
  /** A value in use. It is never evicted, even if there are then more than allowed. */
  | "use"

/** How values of one kind are made and evicted. */
export interface Rule<V> {
  readonly create: (key: string) => V
  readonly lossOf: (value: V, now: number) => Loss
  /** Called after a value has been evicted. */
  readonly evicted?: ((value: V, now: number) => void) | undefined
}

// How many values a new key examines that are not evicted at once, and how many in all. Evicting more than one value for each
// new one drains what has become stale.
const looks = 8
const most = 64

/** Values by key, the least recently used first. */
class Entries<V> {
  readonly byKey = new Map<string, V>()
  /** The entry at the end, so that calls with the same key in a row need not move it. */
  last: { readonly key: string; readonly value: V } | undefined = undefined
}

/** Values by key: at most `maxKeys`, and those in use beyond. */
export class Keyed<V> {
  private readonly maxKeys: number
  private readonly rule: Rule<V>
  private entries = new Entries<V>()

  constructor(maxKeys: number, rule: Rule<V>) {
    this.maxKeys = maxKeys
    this.rule = rule
  }

  get size(): number {
    return this.entries.byKey.size
  }

  /** All values, the least recently used first. */
  values(): Iterable<V> {
    return this.entries.byKey.values()
  }

  /** The value of a key, made if necessary. It stays until another new key comes: use it, or hold it, before that. */
  get(key: string, now: number): V {
    const { last } = this.entries
    if (last !== undefined && last.key === key) return last.value
    const known = this.entries.byKey.get(key)
    if (known === undefined) return this.add(key, this.rule.create(key), now)
    this.entries.byKey.delete(key)
    return this.append(key, known)
  }

  /** The value of a key, if there is one. Changes nothing. */
  peek(key: string): V | undefined {
    return this.entries.byKey.get(key)
  }

  /** Adds a value for a key that has none, and makes room for it. */
  add(key: string, value: V, now: number): V {
    this.makeRoom(now)
    return this.append(key, value)
  }

  /** Takes a value out, which is not evicted. */
  take(key: string): void {
    const { entries } = this
    entries.byKey.delete(key)
    if (entries.last?.key === key) entries.last = undefined
  }

  /** Shares the values of another from now on: both see what either of them adds and evicts. */
  share(other: Keyed<V>): void {
    this.entries = other.entries
  }

  private append(key: string, value: V): V {
    this.entries.byKey.set(key, value)
    this.entries.last = { key, value }
    return value
  }

  private makeRoom(now: number): void {
    const { byKey } = this.entries
    const little: Array<string> = []
    const much: Array<string> = []
    const used: Array<readonly [string, V]> = []
    let kept = 0
    let looked = 0
    for (const [key, value] of byKey) {
      if (kept === looks || looked === most) break
      looked++
      const loss = this.rule.lossOf(value, now)
      if (loss === "nothing") {
        this.evict(key, value, now)
        continue
      }
      kept++
      if (loss === "use") used.push([key, value])
      else if (loss === "little") little.push(key)
      else much.push(key)
    }
    // Otherwise values in use would gather in front of those that may go.
    for (const [key, value] of used) {
      byKey.delete(key)
      byKey.set(key, value)
    }
    for (const key of [...little, ...much]) {
      if (byKey.size < this.maxKeys) break
      const value = byKey.get(key)
      if (value !== undefined) this.evict(key, value, now)
    }
  }

  private evict(key: string, value: V, now: number): void {
    this.take(key)
    this.rule.evicted?.(value, now)
  }
}
