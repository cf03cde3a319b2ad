/**
 * C13: no call can touch another. Calls with exceptions in their callbacks run beside others, while timers are faked and
 * restored, the clock is set and the timers of answered requests are cancelled. Each call must do what it does in the same
 * world alone: the same attempts at the same instants, in its own async context, to the same end.
 */
import { afterEach, describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import * as Unexported from "../../src/internal/fiber/unexported.ts"
import { Dice } from "../Program.ts"
import { type Call, Calls, drawCall, drawOptions } from "./Calls.ts"
import { World } from "./World.ts"

afterEach(() => Unexported.allow(true))

/** What happens to the platform while the calls run: the same whichever calls there are. */
type Weather = (world: World) => void

const drawWeather = (dice: Dice): { readonly kind: string; readonly blow: Weather } => {
  const at = dice.pick(2, 5, 11, 20)
  const lasts = dice.pick(1, 6, 25)
  switch (dice.below(5)) {
    case 0:
    case 1: {
      const fakes = dice.pick("node:test", "Vitest")
      const ticks = dice.pick(0, 1, 4, 15)
      return {
        kind: `timers faked by ${fakes}`,
        blow: (world) => {
          world.plan(at, () => world.fake(fakes))
          world.plan(at + lasts, () => world.tick(ticks))
          world.plan(at + lasts, () => world.restore())
        }
      }
    }
    case 2: {
      const jumps = [dice.pick(-100_000, -7, 7, 30, 100_000), dice.pick(-100_000, -7, 0, 7, 100_000)]
      return {
        kind: "a clock that jumps",
        blow: (world) => jumps.forEach((jump, i) => world.plan(at + i * lasts, () => world.jump(jump)))
      }
    }
    case 3:
      return { kind: "timers that end with their request", blow: () => {} }
    default:
      return { kind: "fair weather", blow: () => {} }
  }
}

interface Plan {
  readonly calls: ReadonlyArray<Call>
  readonly parts: ReturnType<typeof drawOptions>
  readonly weather: ReturnType<typeof drawWeather>
}

const drawPlan = (seed: number): Plan => {
  const dice = new Dice(seed)
  const calls = Array.from({ length: 2 + dice.below(4) }, (_, index) => drawCall(dice, `${index}`))
  return { calls, parts: drawOptions(dice), weather: drawWeather(dice) }
}

/** Runs some of the calls of a plan. */
const play = Effect.fnUntraced(function*(plan: Plan, chosen: ReadonlyArray<Call>, room: boolean) {
  const world = new World()
  const cancels = plan.weather.kind === "timers that end with their request"
  const calls = new Calls(world, { room, cancels, parts: plan.parts })
  plan.weather.blow(world)
  for (const call of chosen) calls.start(call)
  yield* Effect.promise(() => world.run(2_000))
  return calls
})

const storyOf = (calls: Calls, { id }: Call) => ({
  exit: calls.exits.get(id) ?? "hangs",
  lines: calls.lines.get(id) ?? []
})

const reaches = [
  "timers faked by node:test",
  "timers faked by Vitest",
  "a clock that jumps",
  "timers that end with their request",
  "a callback that throws",
  "an interruption"
]

const waiting = ["a caller that throws", "a wait for another call"]

const Seed = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))

describe.each([["as a frame", true], ["by the public API", false]])("C13, a call", (way, frames) => {
  law(`${way}, does beside others what it does alone`, { seed: Seed }, ({ seed }, reach) =>
    Effect.gen(function*() {
      Unexported.allow(frames)
      const plan = drawPlan(seed)
      const together = yield* play(plan, plan.calls, true)
      const { reached } = together
      for (const what of reaches) if (what === plan.weather.kind || reached.has(what)) reach(what)
      for (const call of plan.calls) {
        const alone = yield* play(plan, [call], true)
        deepStrictEqual({ seed, call, ...storyOf(together, call) }, { seed, call, ...storyOf(alone, call) })
        // No alarm of the call ends what its caller does next.
        const { exit } = storyOf(alone, call)
        if (call.goesOn && !alone.interrupted.has(call.id) && exit !== "hangs") {
          strictEqual(exit, "Success undefined", `${seed}`)
        }
      }
    }), { cases: 1_500, reaches })

  law(
    `${way}, is not touched by what its neighbour's caller throws, where they wait for each other`,
    { seed: Seed },
    ({ seed }, reach) =>
      Effect.gen(function*() {
        Unexported.allow(frames)
        const drawn = drawPlan(seed)
        const withFault = (fault: Call["fault"]) =>
          drawn.calls.map((call) => ({
            ...call,
            fault,
            goesOn: false,
            policy: call.policy === "own" ? "shared" as const : call.policy
          }))
        const one = yield* play(drawn, withFault("onExit"), false)
        const other = yield* play(drawn, withFault(undefined), false)
        for (const what of waiting) if (one.reached.has(what)) reach(what)
        for (const call of drawn.calls) {
          deepStrictEqual({ seed, call, ...storyOf(one, call) }, { seed, call, ...storyOf(other, call) })
        }
        if (drawn.calls.every(({ id }) => one.exits.has(id))) deepStrictEqual([seed, ...one.held], [seed])
      }),
    { cases: 1_500, reaches: waiting }
  )
})
