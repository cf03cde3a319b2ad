/**
 * The parts of a client that have state, by name: a breaker, a bulkhead, a rate limit, the budgets of the origins. A part
 * whose options are the same after a change of the configuration is the same part, with what it has seen. One whose options
 * are others is made of the one before.
 *
 * Guarded by `test/laws.data.test.ts` and `test/call/secrets.laws.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"

interface Part {
  readonly options: unknown
  readonly value: unknown
}

export class KeptParts {
  private readonly before: ReadonlyMap<string, Part>
  private readonly parts = new Map<string, Part>()

  /** `previous` are the parts before the change. */
  constructor(previous?: KeptParts) {
    this.before = previous?.parts ?? new Map()
  }

  /** The part of this name: the one that there was if its options are equal, otherwise one that is made. */
  get<O, A>(name: string, options: O, make: (options: O, previous?: A) => Effect.Effect<A>): Effect.Effect<A> {
    const part = this.before.get(name)
    // What is kept under a name was made for that name.
    const previous = part?.value as A | undefined
    if (part !== undefined && previous !== undefined && Equal.equals(part.options, options)) {
      this.parts.set(name, part)
      return Effect.succeed(previous)
    }
    return Effect.map(make(options, previous), (value) => {
      this.parts.set(name, { options, value })
      return value
    })
  }
}
