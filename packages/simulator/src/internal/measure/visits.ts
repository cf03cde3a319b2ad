/**
 * How many requests a call stands for at each service, if nothing is retried and nothing rejected. A call to a chain stands for
 * one at each of its providers.
 *
 * Guarded by `test/model.test.ts` and `test/published.test.ts`.
 */
import type { Caller } from "../model/caller.ts"
import type { CheckedCall } from "../model/check.ts"
import type { Network } from "../model/network.ts"
import type { Service } from "../model/service.ts"

export const visitsOf = (network: Network): ReadonlyMap<Caller, ReadonlyMap<Service, number>> => {
  const all = new Map<Caller, ReadonlyMap<Service, number>>()
  for (const caller of network.callers.values()) {
    const visits = new Map<Service, number>()
    const visit = (call: CheckedCall, share: number): void => {
      const requests = share * call.probability * call.times * (1 - (call.cache?.hits ?? 0))
      const chain = network.chains.get(call.to)
      for (const { to } of chain?.edges.values() ?? []) visits.set(to, (visits.get(to) ?? 0) + requests)
      const service = network.services.get(call.to)
      if (service === undefined) return
      visits.set(service, (visits.get(service) ?? 0) + requests)
      for (const inner of service.options.calls.flat()) visit(inner, requests)
    }
    visit(caller.options, 1)
    all.set(caller, visits)
  }
  return all
}
