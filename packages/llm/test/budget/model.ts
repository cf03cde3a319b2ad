/** Budgets with a model beside them, which does their sums again in the plainest way. */
import type * as Budgets from "@holdfast/llm/Budgets"
import * as Effect from "effect/Effect"

/** Watches budgets by user of `limit` tokens that never age. `faults` says where they and the model differ. */
export const modelled = (real: Budgets.Budgets["Service"], limit: number) => {
  const faults: Array<string> = []
  const kinds = new Set<"admitted" | "anyway" | "refused">()
  /** What is taken, by user and attempt. */
  const taken: Record<string, Array<number>> = {}
  const sumOf = (user: string): number => (taken[user] ?? []).reduce((sum, amount) => sum + amount, 0)
  let mean = 500

  const compare = (user: string, when: string) =>
    Effect.map(real.spent({ user }), ([{ sum = NaN } = {}]) => {
      if (sum !== sumOf(user)) faults.push(`${when}: ${sum} is taken, and should be ${sumOf(user)}`)
    })

  const budgets: Budgets.Budgets["Service"] = {
    ...real,
    admit: (attempt, at, anyway) =>
      Effect.gen(function*() {
        const { user = "" } = attempt.tags
        const output = Math.min(Math.round(mean), attempt.maxOutputTokens ?? Infinity)
        const estimate = attempt.inputTokens + output
        const fits = sumOf(user) + estimate <= limit
        const admission = yield* real.admit(attempt, at, anyway)
        const isIn = admission._tag === "Admitted"
        kinds.add(isIn ? anyway ? "anyway" : "admitted" : "refused")
        if (isIn !== (anyway || fits)) faults.push(`${sumOf(user)} + ${estimate} of ${limit}: ${admission._tag}`)
        if (!isIn) return admission
        const amounts = taken[user] ??= []
        const index = amounts.push(estimate) - 1
        yield* compare(user, "admitted")
        return {
          ...admission,
          settle: (reported, began) =>
            Effect.suspend(() => {
              const { partial, usage } = reported
              const input = usage?.inputTokens.total ?? 0
              const written = usage?.outputTokens.total ?? 0
              const isWhole = usage !== undefined && partial !== true
              amounts[index] = isWhole || !began
                ? input + written
                : (usage === undefined ? attempt.inputTokens : input) + Math.max(written, output)
              if (isWhole) mean += 0.3 * (written - mean)
              return Effect.andThen(admission.settle(reported, began), compare(user, "settled"))
            })
        }
      })
  }
  return { budgets, faults, kinds }
}
