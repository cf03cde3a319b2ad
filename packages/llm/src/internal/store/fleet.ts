/**
 * A chain in its fleet: joins its members to the store, and looks at what the others have learnt.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Gate } from "./gate.ts"
import { freshness } from "./gate.ts"
import type { ChainStore } from "./store.ts"

let chains = 0

export class Fleet {
  private readonly store: ChainStore["Service"]
  private readonly chain: string
  private readonly names: ReadonlyArray<string>
  private readonly gates: ReadonlyArray<Gate>
  private lookedAt = -Infinity

  constructor(store: ChainStore["Service"], chain: string, members: ReadonlyMap<string, Gate>, process: string) {
    this.store = store
    this.chain = chain
    this.names = [...members.keys()]
    this.gates = [...members.values()]
    for (const [member, gate] of members) gate.link = { store, chain, member, process }
  }

  /** Looks at the members, unless that was done a moment ago. Requests that come meanwhile do not wait: the store decides who enters. */
  readonly look: Effect.Effect<void> = Effect.flatMap(Clock.Clock, (clock) => {
    const now = () => clock.currentTimeMillisUnsafe()
    if (now() < this.lookedAt + freshness) return Effect.void
    this.lookedAt = now()
    const owed = this.gates.filter((gate) => gate.owes)
    const told = Effect.forEach(owed, (gate) => gate.link === undefined ? Effect.void : gate.tell(gate.link, now, {}), {
      discard: true
    })
    const look = Effect.matchEager(this.store.look(this.chain, this.names), {
      onSuccess: (states) => {
        for (const [i, state] of states.entries()) this.gates[i]?.follow(now(), state)
      },
      onFailure: () => undefined
    })
    return owed.length === 0 ? look : Effect.andThen(told, look)
  })
}

/** Joins the members of a chain, by name, to a store. */
export const join = (
  store: ChainStore["Service"],
  chain: string,
  members: ReadonlyMap<string, Gate>
): Effect.Effect<Fleet> =>
  Effect.map(Random.next, (chance) => {
    // Two chains of one process are two, whatever the seed.
    const process = `${Math.floor(chance * 2 ** 48).toString(36)}-${++chains}`
    return new Fleet(store, chain, members, process)
  })
