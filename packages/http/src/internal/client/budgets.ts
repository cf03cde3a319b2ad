/**
 * A retry budget for each origin, so that one that is down takes none of the others' retries.
 *
 * Guarded by `test/client/reloading.test.ts` and `test/client/bounds.test.ts`.
 */
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Effect from "effect/Effect"

/** How many origins are remembered. */
const maxOrigins = 1_000

/** What is remembered of each origin, up to a bound: the one that was met first is forgotten first. */
export class ByOrigin<A> {
  private readonly values = new Map<string | undefined, A>()

  get(origin: string | undefined): A | undefined {
    return this.values.get(origin)
  }

  entries(): Iterable<[string | undefined, A]> {
    return this.values
  }

  set(origin: string | undefined, value: A): A {
    if (this.values.size >= maxOrigins) {
      for (const first of this.values.keys()) {
        this.values.delete(first)
        break
      }
    }
    this.values.set(origin, value)
    return value
  }
}

export class OriginBudgets {
  private readonly budgets = new ByOrigin<RetryBudget.RetryBudget>()
  private readonly options: RetryBudget.Options

  private constructor(options: RetryBudget.Options) {
    this.options = options
  }

  /** The budgets go on from those of `previous`, where options change while a program runs. */
  static make(options: RetryBudget.Options, previous?: OriginBudgets): Effect.Effect<OriginBudgets> {
    const made = new OriginBudgets(options)
    return Effect.as(
      Effect.forEach(
        previous?.budgets.entries() ?? [],
        ([origin, budget]) =>
          Effect.map(RetryBudget.makeFrom(budget, options), (budget) => made.budgets.set(origin, budget)),
        { discard: true }
      ),
      made
    )
  }

  get(origin: string | undefined): Effect.Effect<RetryBudget.RetryBudget> {
    const known = this.budgets.get(origin)
    return known === undefined
      ? Effect.map(RetryBudget.make(this.options), (made) => this.budgets.set(origin, made))
      : Effect.succeed(known)
  }
}
