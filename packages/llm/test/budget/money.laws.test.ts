/**
 * M15: the ledger's sum is the sum of what vendors reported, whatever became of their answers, and a budget is overspent by no more
 * than what is in flight.
 */
import { assert } from "@effect/vitest"
import * as Budgets from "@holdfast/llm/Budgets"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as Parameters from "@holdfast/llm/Parameters"
import type * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"

const overloaded = new AiError.InternalProviderError({ description: "overloaded" })
const spent = new AiError.QuotaExhaustedError({})

/** What a vendor does with a request: how long it takes to begin, where its answer ends, and what it reports. */
const Play = Schema.Struct({
  delay: Schema.Literals([0, 1, 2, 5, 30]),
  at: Schema.Literals([0, 1, 2, 3, 4, 5, 99, 99, 99, 99]),
  ending: Schema.Literals(["end", "end", "overloaded", "spent", "stall", "stall"]),
  input: Schema.Literals([0, 2, 40]),
  output: Schema.Literals([0, 10, 90, 400])
})
type Play = typeof Play.Type

const Request = Schema.Struct({
  user: Schema.Literals(["1", "2"]),
  after: Schema.Literals([0, 0, 1, 3, 10, 60]),
  how: Schema.Literals(["whole", "whole", "streamed", "left", "dropped", "interrupted"]),
  maxOutputTokens: Schema.Literals([5, 5, 20, 90])
})
type Request = typeof Request.Type

const answerOf = ({ at, delay, ending, input, output }: Play): TestProvider.Answer => {
  const whole = TestProvider.parts([
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "a " },
    { type: "text-delta", id: "t", delta: "b" },
    { type: "text-end", id: "t" },
    { type: "finish", reason: "stop", usage: { inputTokens: { total: input }, outputTokens: { total: output } } }
  ])
  const cut = ending === "end"
    ? at === 99 ? whole : TestProvider.truncate(whole, at)
    : ending === "stall"
    ? TestProvider.stall(whole, at)
    : TestProvider.cut(whole, at, ending === "spent" ? spent : overloaded)
  return delay === 0 ? cut : TestProvider.delay(cut, `${delay} seconds`)
}

/** A vendor that counts by itself what it reports, by request. */
const vendor = (
  name: string,
  next: () => Play,
  report: (request: string, usage: Response.FinishPartEncoded) => void
) => {
  const provider = TestProvider.make(name, () => Effect.sync(() => answerOf(next())), { model: name })
  const count = (request: string) => (part: { readonly type: string }) => {
    if (part.type === "finish") report(request, part as Response.FinishPartEncoded)
  }
  const idOf = ({ prompt }: Parameters<Provider.Provider["generateText"]>[0]) =>
    JSON.stringify(prompt.content).match(/#\d+/u)?.[0] ?? ""
  const spy: Provider.Provider = {
    ...provider,
    generateText: (options) =>
      Effect.tap(provider.generateText(options), (parts) => Effect.sync(() => parts.forEach(count(idOf(options))))),
    streamText: (options) =>
      Stream.tap(provider.streamText(options), (part) => Effect.sync(() => count(idOf(options))(part)))
  }
  return { spy, sent: provider.requests }
}

const run = ({ how, maxOutputTokens, user }: Request, id: string) => {
  const stream = LanguageModel.streamText({ prompt: id })
  const whole = Effect.asVoid(LanguageModel.generateText({ prompt: id }))
  const asked = how === "streamed"
    ? Stream.runDrain(stream)
    : how === "left"
    ? Stream.runDrain(Stream.take(stream, 2))
    : how === "dropped"
    ? Effect.asVoid(Effect.timeout(Stream.runDrain(stream), "8 seconds"))
    : how === "interrupted"
    ? Effect.asVoid(Effect.timeout(whole, "2 seconds"))
    : whole
  return asked.pipe(
    Parameters.with({ maxOutputTokens }),
    Usage.withTags({ user, id }),
    Effect.timeoutOption("10 minutes"),
    Effect.exit
  )
}

/** Runs an effect while the clock is moved on, until it has ended. */
const elapse = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("500 millis")
    return yield* Fiber.join(fiber)
  })

const prices = { a: { input: 3, output: 15 }, b: { input: 1, output: 2 } }

law(
  "M15: the ledger has what vendors reported, and a budget is overspent by no more than what is in flight",
  {
    plays: Schema.Array(Play),
    requests: Schema.Array(Request),
    limit: Schema.Literals([10, 30, 100, 250, 100_000]),
    hedge: Schema.Boolean,
    retries: Schema.Literals([0, 1])
  },
  ({ hedge, limit, plays, requests, retries }, reach) =>
    Effect.gen(function*() {
      let next = 0
      const byRequest = new Map<string, { tokens: number; cost: number }>()
      const reported = { input: 0, output: 0, cost: 0 }
      const vendorOf = (name: "a" | "b") =>
        vendor(name, () =>
          plays[next++] ?? { delay: 0, at: 99, ending: "end", input: 2, output: 10 }, (id, { usage }) => {
          const [input, output] = [usage.inputTokens.total ?? 0, usage.outputTokens.total ?? 0]
          const cost = (input * prices[name].input + output * prices[name].output) / 1e6
          const before = byRequest.get(id) ?? { tokens: 0, cost: 0 }
          byRequest.set(id, { tokens: before.tokens + input + output, cost: before.cost + cost })
          reported.input += input
          reported.output += output
          reported.cost += cost
        })
      const vendors = [vendorOf("a"), vendorOf("b")] as const

      /** By user: the requests in flight, and those that were when the last one was let in. */
      const inFlight = { "1": new Set<string>(), "2": new Set<string>() }
      const atLast: Record<"1" | "2", ReadonlySet<string>> = { "1": new Set(), "2": new Set() }
      const committed = new Set<string>()
      const kept = { "1": 0, "2": 0 }
      const watch = (event: ChainEvent.ChainEvent) => {
        const { id = "", user } = event.tags ?? {}
        if (user !== "1" && user !== "2") {
          return
        }
        const attempt = `${id} ${event.provider} ${event.attempt}`
        if (event._tag === "AttemptStarted" && event.attempt === 1) {
          atLast[user] = new Set(inFlight[user])
        }
        if (event._tag === "Committed") {
          committed.add(attempt)
        }
        // A clock of the chain's ends an attempt with a network error, as a stream without its end does.
        const isBilled = event._tag === "AttemptInterrupted" ||
          (event._tag === "AttemptFailed" && (committed.has(attempt) || event.reason._tag === "NetworkError"))
        if (isBilled && event.usage === undefined) {
          kept[user]++
        }
      }

      const ledger = yield* Usage.make({ prices })
      const budgets = yield* Budgets.make({ budgets: [{ by: "user", limit: { tokens: limit }, window: "365 days" }] })
      const exits = yield* Effect.forEach(
        requests.slice(0, 12),
        (request, i) => {
          const id = `#${i}`
          return Effect.sync(() =>
            inFlight[request.user].add(id)
          ).pipe(
            Effect.andThen(run(request, id)),
            Effect.ensuring(Effect.sync(() => inFlight[request.user].delete(id))),
            Effect.delay(`${request.after} seconds`)
          )
        },
        { concurrency: "unbounded" }
      ).pipe(
        elapse,
        ChainEvent.observe(watch),
        Effect.provide(ProviderChain.layer({
          providers: [vendors[0].spy, vendors[1].spy],
          retry: { times: retries, backoff: Schedule.spaced("1 second") },
          cooldown: 0,
          ...(hedge && { hedge: { after: "3 seconds" } })
        })),
        Effect.provideService(Usage.Ledger, ledger),
        Effect.provideService(Budgets.Budgets, budgets)
      )

      // The ledger.
      const { all } = yield* ledger.totals
      assert.strictEqual(all.inputTokens, reported.input)
      assert.strictEqual(all.outputTokens, reported.output)
      assert.closeTo(all.cost, reported.cost, 1e-12)
      assert.strictEqual(all.unpriced, 0)
      assert.strictEqual(all.attempts, vendors[0].sent.length + vendors[1].sent.length)
      assert.strictEqual(all.attempts, all.succeeded + all.failed + all.interrupted)
      if (all.interrupted > 0) reach("interrupted")
      if (all.failed > 0) reach("failed")
      if (
        hedge && (yield* ledger.entries).some(({ outcome, provider }) => outcome === "interrupted" && provider === "a")
      ) {
        reach("hedged or given up")
      }

      // The budgets.
      const byUser = Usage.sumBy(yield* ledger.entries, { tag: "user" })
      for (const user of ["1", "2"] as const) {
        const total = byUser.get(user) ?? Usage.zero
        const tokens = total.inputTokens + total.outputTokens
        const flying = [...atLast[user]].reduce((sum, id) => sum + (byRequest.get(id)?.tokens ?? 0), 0)
        assert.isAtMost(tokens, limit + flying, `of user ${user}`)
        const [{ sum = NaN } = {}] = yield* budgets.spent({ user })
        // Nothing stays reserved but the estimates of what vendors may bill without a report.
        assert.isAtLeast(sum, tokens)
        assert.isAtMost(sum, tokens + kept[user] * 92)
        if (kept[user] > 0) reach("kept an estimate")
        if (tokens > limit) reach("overspent")
      }
      const refused = exits.some((exit) => Exit.isFailure(exit) && ChainError.isBudgetSpent(Cause.squash(exit.cause)))
      if (refused) reach("refused")
    }),
  { cases: 400, reaches: ["refused", "overspent", "kept an estimate", "interrupted", "failed", "hedged or given up"] }
)
