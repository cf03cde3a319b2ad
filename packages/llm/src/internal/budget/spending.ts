/**
 * The budgets of one request: what it may spend, and what it has reserved.
 *
 * Guarded by `test/budget/budgets.test.ts`.
 */
import type * as Effect from "effect/Effect"
import type { Budgets } from "../../Budgets.ts"
import type { ChainMember } from "../chain/member.ts"
import type { Tags } from "../usage/tags.ts"
import type { Admission } from "./admission.ts"

export type Admitted = Extract<Admission, { readonly _tag: "Admitted" }>

interface Asked {
  /** About how many tokens it sends. */
  readonly inputTokens: number
  readonly maxOutputTokens: number | undefined
  readonly now: () => number
}

export class Spending {
  private readonly budgets: Budgets["Service"]
  private readonly tags: Tags
  private readonly asked: Asked
  /** What the visits have reserved, until their first attempts take it. */
  private readonly reserved = new Map<ChainMember, Admitted>()

  constructor(budgets: Budgets["Service"], tags: Tags, asked: Asked) {
    this.budgets = budgets
    this.tags = tags
    this.asked = asked
  }

  /** What an attempt at a provider reserves; `anyway` even if nothing is left. */
  admit({ provider }: ChainMember, anyway: boolean): Effect.Effect<Admission> {
    const { location, model, name } = provider
    const { inputTokens, maxOutputTokens, now } = this.asked
    const attempt = { tags: this.tags, provider: name, model, location, inputTokens, maxOutputTokens }
    return this.budgets.admit(attempt, now(), anyway)
  }

  /** Whether no other of the providers costs less. */
  isCheapest(member: ChainMember, able: ReadonlyArray<ChainMember>): boolean {
    const at = this.asked.now()
    const rates = able.map(({ provider: { location, model, name } }) =>
      this.budgets.rate({ provider: name, model, location, at })
    )
    return rates.indexOf(Math.min(...rates)) === able.indexOf(member)
  }

  keep(member: ChainMember, admitted: Admitted): void {
    this.reserved.set(member, admitted)
  }

  take(member: ChainMember): Admitted | undefined {
    const admitted = this.reserved.get(member)
    this.reserved.delete(member)
    return admitted
  }
}
