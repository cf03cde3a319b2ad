/** A hedged chain keeps the promises of one that is not, wherever answers break and whenever they come. */
import { assert, describe } from "@effect/vitest"
import type * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import * as Outage from "../Outage.ts"

const Hedge = Schema.Struct({
  after: Schema.Literals([0, 1, 3, 10]),
  max: Schema.Literals([1, 1, 2])
})

const hedged = ({ after, max }: typeof Hedge.Type): NonNullable<Outage.Circumstances["options"]> => ({
  hedge: { after: `${after} seconds`, max },
  hedgeBudget: false
})

/** Answers that begin late are what a hedge is for. */
const late = (world: Outage.World): Outage.World => ({
  ...world,
  plans: {
    cloud: [{ ...(world.plans.cloud[0] ?? Outage.whole), pace: 7 }, ...world.plans.cloud.slice(1)],
    spare: world.plans.spare,
    local: world.plans.local
  }
})

const requestsOf = ({ cloud, local, spare }: Outage.Play["providers"]) => ({
  cloud: cloud.requests.length,
  spare: spare.requests.length,
  local: local.requests.length
})

const count = (events: ReadonlyArray<ChainEvent.ChainEvent>, ...tags: ReadonlyArray<ChainEvent.ChainEvent["_tag"]>) =>
  events.filter(({ _tag }) => tags.includes(_tag)).length

/** The most attempts that ran at the same time. */
const widest = (events: ReadonlyArray<ChainEvent.ChainEvent>): number => {
  let running = 0
  let most = 0
  for (const { _tag } of events) {
    if (_tag === "AttemptStarted") most = Math.max(most, ++running)
    if (_tag === "AttemptSucceeded" || _tag === "AttemptFailed" || _tag === "AttemptInterrupted") running--
  }
  return most
}

describe("a hedged chain", () => {
  law(
    "M1-M3: an answer is one provider's, whole or said to be broken, and its tools run once",
    { world: Outage.World, hedge: Hedge },
    ({ hedge, world }, reach) =>
      Effect.gen(function*() {
        const slow = late(world)
        const play = Outage.play(slow)
        const story = yield* Outage.request(slow, play, { options: hedged(hedge) })
        const sights = Outage.sights(slow, requestsOf(play.providers))
        const { events, exit } = story
        if (exit === undefined) return assert.fail("the request was interrupted")
        const seen = (isWhole: boolean) => sights.filter((one) => one.isWhole === isWhole && one.text === story.text)
        if (Exit.isSuccess(exit)) {
          assert.strictEqual(story.finishes, 1)
          const charged = story.charged.toSorted().join()
          assert.isTrue(seen(true).some((one) => one.charged.join() === charged), `${story.text} ${charged}`)
        } else {
          assert.strictEqual(story.finishes, 0)
          assert.deepStrictEqual(story.charged, [])
          assert.isTrue(story.text === "" || seen(false).length > 0, story.text)
        }
        assert.isAtMost(count(events, "Committed"), 1)
        assert.isAtMost(count(events, "AttemptSucceeded"), 1)
        assert.isAtMost(count(events, "ProviderHedged"), hedge.max)
        assert.isAtMost(widest(events), 1 + hedge.max)
        const { cloud, local, spare } = play.providers
        for (const provider of [cloud, spare, local]) assert.strictEqual(provider.closed(), provider.requests.length)
        if (count(events, "ProviderHedged") > 0) reach("a hedge")
        const winner = events.find(({ _tag }) => _tag === "Committed" || _tag === "AttemptSucceeded")?.provider
        const first = events.find(({ _tag }) => _tag === "ProviderHedged")
        if (first?._tag === "ProviderHedged" && winner === first.hedge) reach("a hedge that wins")
        if (count(events, "AttemptInterrupted") > 0) reach("a loser")
      }),
    { cases: 1_000, reaches: ["a hedge", "a hedge that wins", "a loser"] }
  )

  law(
    "M3: tools run once, and nothing goes on, wherever a hedged request is interrupted",
    { world: Outage.World, hedge: Hedge, interruptAfter: Schema.Literals([0, 1, 2, 3, 5, 8, 13, 21]) },
    ({ hedge, interruptAfter, world }, reach) =>
      Effect.gen(function*() {
        const [first = Outage.whole, ...rest] = world.plans.spare
        const slow = late({ ...world, tools: true, plans: { ...world.plans, spare: [{ ...first, pace: 7 }, ...rest] } })
        const play = Outage.play(slow)
        const story = yield* Outage.request(slow, play, { options: hedged(hedge), interruptAfter })
        const { cloud, local, spare } = play.providers
        for (const provider of [cloud, spare, local]) assert.strictEqual(provider.closed(), provider.requests.length)
        assert.strictEqual(new Set(story.charged).size, story.charged.length)
        const before = requestsOf(play.providers)
        yield* TestClock.adjust("3 hours")
        assert.deepStrictEqual(requestsOf(play.providers), before)
        const interrupted = story.events.filter((event) => event._tag === "AttemptInterrupted" && event.by === "caller")
        if (interrupted.length > 1) reach("two at once")
      }),
    { cases: 500, reaches: ["two at once"] }
  )

  law(
    "M10, M15: every attempt is in the ledger once, with what its provider reported",
    { world: Outage.World, hedge: Hedge },
    ({ hedge, world }, reach) =>
      Effect.gen(function*() {
        const slow = late(world)
        const { events, totals } = yield* Outage.request(slow, Outage.play(slow), { options: hedged(hedge) })
        const ends = events.filter((event) =>
          event._tag === "AttemptSucceeded" || event._tag === "AttemptFailed" || event._tag === "AttemptInterrupted"
        )
        assert.strictEqual(ends.length, count(events, "AttemptStarted"))
        assert.strictEqual(totals.all.attempts, ends.length)
        const reported = ends.filter(({ usage }) => usage !== undefined).length
        assert.strictEqual(totals.all.inputTokens, 10 * reported)
        assert.strictEqual(totals.all.outputTokens, 3 * reported)
        // Each attempt of one provider ends before its next one begins.
        for (const name of ["cloud", "spare", "local"]) {
          const own = events.filter(({ provider }) => provider === name)
          assert.isAtMost(widest(own), 1)
        }
        if (count(events, "AttemptInterrupted") > 0) reach("a loser")
      }),
    { cases: 500, reaches: ["a loser"] }
  )

  law(
    "a whole answer that comes without a hedge comes with one, and no later",
    { world: Outage.World, hedge: Hedge },
    ({ hedge, world }, reach) =>
      Effect.gen(function*() {
        const slow = { ...late(world), streaming: false }
        const alone = yield* Outage.request(slow, Outage.play(slow))
        // A provider that would be passed over for its context is asked as a hedge, and may refuse for good; a pause that a
        // provider asks for is longer by chance.
        const isOther = Object.values(slow.plans).flat().some(({ kind }) =>
          kind === "tooLong" || kind === "limitedForSeconds"
        )
        if (isOther || alone.exit === undefined || Exit.isFailure(alone.exit)) return
        const started = alone.events[0]?.at ?? 0
        const took = (alone.events.at(-1)?.at ?? 0) - started
        const play = Outage.play(slow)
        const story = yield* Outage.request(slow, play, { options: hedged(hedge) })
        assert.isTrue(story.exit !== undefined && Exit.isSuccess(story.exit))
        const within = (story.events.at(-1)?.at ?? 0) - (story.events[0]?.at ?? 0)
        assert.isAtMost(within, took)
        if (within < took) reach("sooner")
      }),
    { cases: 500, reaches: ["sooner"] }
  )
})
