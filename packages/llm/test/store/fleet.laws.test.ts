/** Laws of a fleet: processes that share a store act as one, whatever they do, and when. */
import { assert, describe } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as Pool from "@holdfast/llm/Pool"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { overloaded, recorded, Sender, type Sent, spent, wayTo } from "./fleet.ts"

const processes = 3
const cooldown = 30_000

const retry = { times: 2, backoff: Backoff.constant({ delay: "5 seconds" }) }

const Process = Schema.Literals([0, 1, 2])

const Step = Schema.Struct({
  after: Schema.Literals([0, 0, 1, 1, 200, 2_000, 9_000, 29_999, 29_999]),
  what: Schema.Literals(["ask", "ask", "ask", "ask", "ask", "ask", "kill", "cut", "mend"]),
  process: Process,
  took: Schema.Literals([0, 10, 900, 5_000, 25_000])
})

/** What a provider's own book says of it at an instant: since when the fleet knows that it is down, and until when it is skipped. */
const known = (sent: ReadonlyArray<Sent>, now: number) => {
  const ends = sent.flatMap(({ ended, isAway }) => ended === undefined || ended.at > now ? [] : [{ ...ended, isAway }])
  const failures = ends.filter(({ how, isAway }) => how === "spent" && !isAway)
  const last = failures.reduce((latest, { at }) => Math.max(latest, at), -Infinity)
  const answered = ends.some(({ at, how }) => how === "answered" && at >= last)
  return answered || last === -Infinity ? undefined : { since: last, until: last + cooldown }
}

/** M13, by what the provider was sent. */
const checkM13 = (sent: ReadonlyArray<Sent>, reach: (what: "skipped" | "probe") => void): void => {
  for (const [i, request] of sent.entries()) {
    if (request.isAway) continue
    const down = known(sent.slice(0, i), request.at)
    if (down === undefined) continue
    assert.isFalse(
      down.since < request.at - 1_000 && request.at < down.until,
      "asked while the fleet knew it to be down"
    )
    if (request.at < down.until) continue
    reach("probe")
    const probes = sent.slice(0, i).filter((other) =>
      !other.isAway && other.at >= down.until && (other.ended === undefined || other.ended.at > request.at)
    )
    assert.deepStrictEqual(probes, [], "two probes at a time")
  }
}

describe("a fleet", () => {
  law(
    "M13: probes a provider by one request at a time, and sends none while it is known to be down",
    {
      steps: Schema.Array(Step).check(Schema.isMinLength(15), Schema.isMaxLength(40)),
      downs: Schema.Array(Schema.Literals([0, 20_000, 45_000, 100_000])),
      downFor: Schema.Literals([1_000, 20_000, 70_000])
    },
    ({ downFor, downs, steps }, reach) =>
      Effect.gen(function*() {
        const start = yield* Clock.currentTimeMillis
        const reasonAt = (now: number, index: number) => {
          const isDown = downs.some((at) => now - start >= at && now - start < at + downFor)
          return isDown ? index % 3 === 0 ? overloaded : spent : undefined
        }
        let asked = 0
        const took = () => steps[asked % steps.length]?.took ?? 0
        const first = recorded("first", reasonAt, took)
        const spare = recorded("spare", () => undefined, () => 0)
        const store = Context.get(yield* Layer.build(ChainStore.layerMemory), ChainStore.ChainStore)
        const cut = new Set<number>()
        const chains = yield* Effect.forEach(Array.from({ length: processes }, (_, i) => i), (process) =>
          ProviderChain.make({ providers: [first.provider, spare.provider], retry }).pipe(
            Effect.provideService(
              ChainStore.ChainStore,
              wayTo(store, () =>
                cut.has(process))
            )
          ))
        const running = new Set<{ readonly process: number; readonly fiber: Fiber.Fiber<unknown, unknown> }>()
        for (const { after, process, what } of steps) {
          yield* TestClock.adjust(after)
          const chain = chains[process]
          if (what === "ask" && chain !== undefined) {
            asked++
            const ask = LanguageModel.generateText({ prompt: "hello" }).pipe(
              Effect.provideService(LanguageModel.LanguageModel, chain),
              Effect.provideService(Sender, {
                process,
                isAway: () =>
                  cut.has(process)
              })
            )
            running.add({ process, fiber: yield* Effect.forkChild(ask, { startImmediately: true }) })
          }
          if (what === "cut") cut.add(process)
          if (cut.size > 0) {
            for (const request of first.sent) {
              if (request.ended === undefined && cut.has(request.process)) request.isAway = true
            }
          }
          if (what === "mend") cut.delete(process)
          if (what === "kill") {
            // Nothing that it says is heard any more.
            const wasCut = cut.has(process)
            cut.add(process)
            for (const one of running) if (one.process === process) yield* Fiber.interrupt(one.fiber)
            if (!wasCut) {
              yield* TestClock.adjust(1)
              cut.delete(process)
            }
          }
        }
        yield* TestClock.adjust("10 minutes")
        for (const { fiber, process } of running) {
          const exit = yield* Fiber.await(fiber)
          if (exit._tag === "Success") continue
          assert.isTrue(steps.some((step) => step.what === "kill" && step.process === process), `${exit}`)
        }
        if (spare.sent.length > 0) reach("skipped")
        checkM13(first.sent, reach)
      }),
    { cases: 200, reaches: ["skipped", "probe"] }
  )

  law(
    "M14: the tokens let in within any minute are within the account's limit but for one request's error",
    {
      steps: Schema.Array(Schema.Struct({
        after: Schema.Literals([0, 1, 500, 3_000, 20_000, 59_999]),
        process: Process,
        words: Schema.Literals([1, 20, 600, 2_000]),
        took: Schema.Literals([0, 10, 4_000])
      })).check(Schema.isMinLength(15), Schema.isMaxLength(40)),
      limit: Schema.Literals([600, 2_500])
    },
    ({ limit, steps }, reach) =>
      Effect.gen(function*() {
        // What the store let in, and what came of it, as a book of its own.
        const book: Array<{ readonly at: number; readonly reserved: number; readonly slot: number; tokens: number }> =
          []
        const memory = Context.get(yield* Layer.build(ChainStore.layerMemory), ChainStore.ChainStore)
        const store: typeof memory = {
          ...memory,
          enter: (entry) =>
            Effect.tap(memory.enter(entry), (answer) =>
              Effect.map(Clock.currentTimeMillis, (at) => {
                if (answer._tag === "Full" && entry.member === "first") reach("full")
                if (answer._tag !== "Admitted" || entry.member !== "first") return
                const inMinute = book.filter((one) => one.at > at - 60_000)
                const sum = inMinute.reduce((total, { tokens }) => total + tokens, 0)
                const errors = inMinute.map(({ reserved, tokens }) => tokens - reserved)
                // Larger than the limit by itself: alone.
                if (entry.tokens > limit) assert.strictEqual(sum, 0)
                else assert.isAtMost(sum + entry.tokens, limit + Math.max(0, ...errors))
                book.push({ at, reserved: entry.tokens, slot: answer.slot, tokens: entry.tokens })
              })),
          report: (report) =>
            Effect.tap(memory.report(report), () =>
              Effect.sync(() => {
                if (report.settled === undefined || report.member !== "first") return
                const { more, slot } = report.settled
                const one = book.find((entry) => entry.slot === slot && entry.tokens === entry.reserved)
                if (one !== undefined) one.tokens += more
              }))
        }
        let index = 0
        const first = recorded(
          "first",
          (_, i) => i % 4 === 1 ? overloaded : undefined,
          (i) => steps[i]?.took ?? 0,
          (i) => steps[i]?.words ?? 1
        )
        const spare = recorded("spare", () => undefined, () => 0)
        const chains = yield* Effect.forEach(Array.from({ length: processes }), () =>
          ProviderChain.make({
            providers: [
              Pool.make({ members: [{ provider: first.provider, limits: { tokensPerMinute: limit } }] }),
              spare.provider
            ],
            retry,
            cooldown: 0
          }).pipe(Effect.provideService(ChainStore.ChainStore, store)))
        for (const { after, process } of steps) {
          yield* TestClock.adjust(after)
          const chain = chains[process]
          if (chain === undefined) continue
          index++
          yield* Effect.forkChild(
            LanguageModel.generateText({ prompt: "hello" }).pipe(
              Effect.provideService(LanguageModel.LanguageModel, chain)
            ),
            { startImmediately: true }
          )
        }
        yield* TestClock.adjust("1 minute")
        const answered = [...first.sent, ...spare.sent].filter(({ ended }) => ended?.how === "answered")
        assert.strictEqual(answered.length, index)
        // Each attempt was let in, retries too.
        assert.strictEqual(first.sent.length, book.length)
        if (book.some(({ reserved, tokens }) => tokens > reserved)) reach("more")
      }),
    { cases: 150, reaches: ["full", "more"] }
  )
})
