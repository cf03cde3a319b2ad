/** Tools to try a model with: they need nothing, and what they do can be checked by looking. */
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type { names } from "./toolNames.ts"

const Clock = Tool.make("clock", {
  description: "Tells the date and the time of day, now, in UTC",
  parameters: Tool.EmptyParams,
  success: Schema.Struct({ now: Schema.String })
})

const Dice = Tool.make("dice", {
  description: "Throws dice and gives what each of them shows",
  parameters: Schema.Struct({
    count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 })).annotate({
      description: "How many dice, from 1 to 100"
    }),
    sides: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 1_000 })).annotate({
      description: "How many sides each has, from 2 to 1000"
    })
  }),
  success: Schema.Struct({ thrown: Schema.Array(Schema.Int) }),
  // A model that asks for a die with one side gets an error, and may try again.
  failureMode: "return"
})

/** The names by which a person asks for them. */
export type Name = (typeof names)[number]

const tools = { clock: Clock, dice: Dice }
const all = Toolkit.make(Clock, Dice)

/** The tools of these names, with what they do. */
export const toolkit = (names: ReadonlyArray<Name>) =>
  Toolkit.make(...[...new Set(names)].map((name) => tools[name])).pipe(
    Effect.provide(all.toLayer(all.of({
      clock: () => Effect.map(DateTime.now, (now) => ({ now: DateTime.formatIso(now) })),
      dice: ({ count, sides }) =>
        Effect.map(
          Effect.forEach(Array.from({ length: count }), () => Random.nextIntBetween(1, sides)),
          (thrown) => ({ thrown })
        )
    })))
  )
