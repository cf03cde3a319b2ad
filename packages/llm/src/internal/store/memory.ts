/**
 * The store of a fleet in the memory of one process: for tests, and for several chains of one program.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { StoredMember } from "./member.ts"
import type { Address, ChainStore } from "./store.ts"
import { Sums } from "./sums.ts"

export const makeMemory = (): ChainStore["Service"] => {
  const chains = new Map<string, Map<string, StoredMember>>()
  const sums = new Sums()
  const open = ({ chain, member }: Address): StoredMember => {
    const members = chains.get(chain) ?? new Map<string, StoredMember>()
    chains.set(chain, members)
    const known = members.get(member) ?? new StoredMember()
    members.set(member, known)
    return known
  }
  const step = <A>(run: (now: number) => A) => Effect.map(Clock.currentTimeMillis, run)
  return {
    enter: (entry) => step((now) => open(entry).enter(now, { ...entry, lease: Duration.toMillis(entry.lease) })),
    report: (report) => step((now) => open(report).report(now, { ...report, lease: Duration.toMillis(report.lease) })),
    look: (chain, members) => step((now) => members.map((member) => open({ chain, member }).state(now))),
    reserve: (spending) =>
      step((now) => sums.reserve(now, { ...spending, window: Duration.toMillis(spending.window) })),
    settle: (settlement) =>
      step((now) => sums.settle(now, { ...settlement, window: Duration.toMillis(settlement.window) })),
    spent: (account) => step((now) => sums.spent(now, { ...account, window: Duration.toMillis(account.window) }))
  }
}
