/**
 * Laws as tests: a property that holds for many random inputs. The name of a law seeds its inputs, so that each run tries
 * the same ones; `npm run laws -- --seed new` draws others.
 */
import { it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import { assert } from "vitest"

declare module "vitest" {
  interface TaskMeta {
    /** How many inputs a law was tried on, and how many of them reached each case that it names. */
    law?: { readonly cases: number; readonly reached: Readonly<Record<string, number>> }
  }
}

type Input = Schema.Schema<unknown> | Arbitrary.Arbitrary<unknown>

type Value<I> = I extends Schema.Schema<infer A> ? A : I extends Arbitrary.Arbitrary<infer A> ? A : never

export interface LawOptions<out Case extends string> {
  /** How many inputs are drawn. Default: 1,000. */
  readonly cases?: number | undefined

  /**
   * What the law is about, in words: cases that the property says it has reached. The law fails if a tenth of the inputs
   * did not reach one of them.
   */
  readonly reaches?: ReadonlyArray<Case> | undefined
}

/** The seed of all laws, where the run has drawn one. */
const drawn = process.env["HOLDFAST_LAWS_SEED"]

// Inputs that were drawn may be further from the case by chance.
const shareReached = drawn === undefined ? 1 / 10 : 1 / 20

/** A law as a test, under a `TestClock` of its own for each input. */
export const law = <const Inputs extends Readonly<Record<string, Input>>, const Case extends string = never>(
  name: string,
  inputs: Inputs,
  property: (
    input: { readonly [K in keyof Inputs]: Value<Inputs[K]> },
    reach: (what: Case) => void
  ) => Effect.Effect<void, unknown, Scope.Scope>,
  { cases = 1_000, reaches = [] }: LawOptions<Case> = {}
): void => {
  const arbitrary = Arbitrary.all(
    Object.fromEntries(
      Object.entries<Input>(inputs).map(([key, input]) => [
        key,
        Arbitrary.isArbitrary(input) ? input : Arbitrary.schema(input)
      ])
    )
  )
  it.live(`${name} (${cases.toLocaleString("en")} cases)`, ({ task }) =>
    Effect.gen(function*() {
      const reached = Object.fromEntries(reaches.map((what) => [what, 0])) as Record<Case, number>
      const holds = (input: { readonly [K in keyof Inputs]: Value<Inputs[K]> }) =>
        Effect.suspend(() => {
          const seen = new Set<Case>()
          return property(input, (what) => {
            assert.include(reaches, what, "a law names the cases that it is about")
            if (seen.has(what)) return
            seen.add(what)
            reached[what]++
          })
        }).pipe(
          Effect.as(true),
          Effect.scoped,
          Effect.provide(Layer.mergeAll(TestConsole.layer, TestClock.layer()), { local: true }),
          Effect.catchCauseIf((cause) => !Cause.hasInterrupts(cause), Effect.fail)
        )
      const result = yield* Arbitrary.checkEffect(
        // The inputs have these types: they are drawn from what says so.
        arbitrary as Arbitrary.Arbitrary<{ readonly [K in keyof Inputs]: Value<Inputs[K]> }>,
        holds,
        { runs: cases, seed: drawn === undefined ? name : `${drawn}/${name}` }
      )
      const failure = Arbitrary.formatCheckFailure(result)
      if (failure !== undefined) {
        assert.fail(drawn === undefined ? failure : `${failure}\nRepeat: npm run laws -- --seed ${drawn}`)
      }
      task.meta.law = { cases, reached }
      const seldom = Object.entries<number>(reached).filter(([, times]) => times < cases * shareReached)
      assert.deepStrictEqual(seldom, [], "a law reaches each case that it is about in a tenth of its inputs")
    }), 180_000)
}
