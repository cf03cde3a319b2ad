/**
 * M15: the ledger's sum is the sum of what vendors reported, whatever became of their answers, and a budget is overspent by no more
 * than what is in flight. Requests run beside one another through pools, hedges, retries, repairs, cuts and interruptions.
 */
import { assert } from "@effect/vitest"
import * as Budgets from "@holdfast/llm/Budgets"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as Parameters from "@holdfast/llm/Parameters"
import * as Pool from "@holdfast/llm/Pool"
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
import type { Counts } from "../../src/internal/usage/reported.ts"
import { ReportedUsage } from "../../src/internal/usage/reported.ts"
import { modelled } from "./model.ts"

const overloaded = new AiError.InternalProviderError({ description: "overloaded" })
const spent = new AiError.QuotaExhaustedError({})

/** What a vendor does with a request: how long it takes to begin, where its answer ends, and what it reports. */
const Play = Schema.Struct({
  delay: Schema.Literals([0, 1, 2, 5, 30]),
  at: Schema.Literals([0, 1, 2, 3, 4, 5, 99, 99, 99, 99]),
  ending: Schema.Literals(["end", "end", "overloaded", "spent", "stall", "stall"]),
  input: Schema.Literals([0, 2, 40]),
  output: Schema.Literals([0, 10, 90, 400]),
  /** Whether the input is reported at the start, with a token of output. */
  early: Schema.Boolean,
  /** Whether a structured answer follows its schema. */
  fits: Schema.Literals([false, false, true])
})
type Play = typeof Play.Type

const Request = Schema.Struct({
  user: Schema.Literals(["1", "2"]),
  after: Schema.Literals([0, 0, 1, 3, 10, 60]),
  how: Schema.Literals(["whole", "object", "object", "object", "streamed", "left", "dropped", "interrupted"]),
  maxOutputTokens: Schema.Literals([5, 5, 20, 90])
})
type Request = typeof Request.Type

const answerOf = ({ at, delay, early, ending, fits, input, output }: Play): TestProvider.Answer => {
  const parts = TestProvider.parts([
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "{\"n\":" },
    { type: "text-delta", id: "t", delta: fits ? "1}" : "\"one\"}" },
    { type: "text-end", id: "t" },
    { type: "finish", reason: "stop", usage: { inputTokens: { total: input }, outputTokens: { total: output } } }
  ])
  const whole = early ? TestProvider.reporting(parts, input) : parts
  const cut = ending === "end"
    ? at === 99 ? whole : TestProvider.truncate(whole, at)
    : ending === "stall"
    ? TestProvider.stall(whole, at)
    : TestProvider.cut(whole, at, ending === "spent" ? spent : overloaded)
  return delay === 0 ? cut : TestProvider.delay(cut, `${delay} seconds`)
}

type Counted = { readonly inputTokens: { readonly total?: number }; readonly outputTokens: { readonly total?: number } }

/** A vendor that counts by itself what it reports of each attempt: the latest report is the one that counts. */
const vendor = (name: string, next: () => Play) => {
  const provider = TestProvider.make(name, () => Effect.sync(() => answerOf(next())), { model: name })
  const reports: Array<{ readonly id: string; last: Counted | undefined }> = []
  const watched = (options: LanguageModel.ProviderOptions) => {
    const report = {
      id: JSON.stringify(options.prompt.content).match(/#\d+/u)?.[0] ?? "",
      last: undefined as Counted | undefined
    }
    reports.push(report)
    return {
      finish: (part: { readonly type: string }) => {
        if (part.type === "finish") report.last = (part as Response.FinishPartEncoded).usage as Counted
      },
      early: Effect.map(ReportedUsage, (tell) => (read: () => Counts | undefined) => {
        report.last = read()?.usage as Counted
        tell?.(read)
      })
    }
  }
  const spy: Provider.Provider = {
    ...provider,
    generateText: (options) =>
      Effect.suspend(() => {
        const { early, finish } = watched(options)
        return Effect.flatMap(early, (tell) =>
          provider.generateText(options).pipe(
            Effect.provideService(ReportedUsage, tell),
            Effect.tap((parts) => Effect.sync(() => parts.forEach(finish)))
          ))
      }),
    streamText: (options) =>
      Stream.unwrap(Effect.suspend(() => {
        const { early, finish } = watched(options)
        return Effect.map(early, (tell) =>
          provider.streamText(options).pipe(
            Stream.provideService(ReportedUsage, tell),
            Stream.tap((part) => Effect.sync(() => finish(part)))
          ))
      }))
  }
  return { name, spy, reports, sent: provider.requests }
}

const Answer = Schema.Struct({ n: Schema.Finite })

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
    : how === "object"
    ? Effect.asVoid(LanguageModel.generateObject({ prompt: id, schema: Answer }))
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

const prices = { a1: { input: 3, output: 15 }, a2: { input: 2, output: 7 }, b: { input: 1, output: 2 } }

const costOf = (name: keyof typeof prices, { inputTokens, outputTokens }: Counted): number =>
  ((inputTokens.total ?? 0) * prices[name].input + (outputTokens.total ?? 0) * prices[name].output) / 1e6

law(
  "M15: the ledger has what vendors reported, and a budget is overspent by no more than what is in flight",
  {
    plays: Schema.Array(Play),
    requests: Schema.Array(Request),
    limit: Schema.Literals([10, 30, 100, 250, 100_000]),
    hedge: Schema.Boolean,
    retries: Schema.Literals([0, 1]),
    repair: Schema.Literals([false, true, true]),
    pool: Schema.Literals(["none", "inOrder", "leastBusy", "fastest"])
  },
  ({ hedge, limit, plays, pool, repair, requests, retries }, reach) =>
    Effect.gen(function*() {
      let next = 0
      const plain = (): Play => ({
        delay: 0,
        at: 99,
        ending: "end",
        input: 2,
        output: 10,
        early: false,
        fits: next % 2 === 0
      })
      const vendorOf = <N extends keyof typeof prices>(name: N) => ({
        ...vendor(name, () => plays[next++] ?? plain()),
        name
      })
      const [a1, a2, b] = [vendorOf("a1"), vendorOf("a2"), vendorOf("b")] as const
      const vendors = [a1, a2, b]
      const reportsOf = () =>
        vendors.flatMap(({ name, reports }) =>
          reports.flatMap(({ id, last }) => last === undefined ? [] : [{ name, id, last }])
        )

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
        if (isBilled && (event.usage === undefined || event.partial === true)) {
          kept[user]++
        }
      }

      const ledger = yield* Usage.make({ prices })
      const { budgets, faults, kinds } = modelled(
        yield* Budgets.make({ budgets: [{ by: "user", limit: { tokens: limit }, window: "365 days" }] }),
        limit
      )
      const exits = yield* Effect.forEach(
        requests.slice(0, 12),
        (request, i) => {
          const id = `#${i}`
          return Effect.sync(() => inFlight[request.user].add(id)).pipe(
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
          providers: pool === "none" ? [a1.spy, b.spy] : [
            Pool.make({
              members: [{ provider: a1.spy }, { provider: a2.spy }],
              strategy: pool
            }),
            b.spy
          ],
          repair,
          retry: { times: retries, backoff: Schedule.spaced("1 second") },
          cooldown: 0,
          ...(hedge && { hedge: { after: "3 seconds" } })
        })),
        Effect.provideService(Usage.Ledger, ledger),
        Effect.provideService(Budgets.Budgets, budgets)
      )

      // The ledger.
      const { all } = yield* ledger.totals
      const reports = reportsOf()
      const sumOf = (count: (report: (typeof reports)[number]) => number) =>
        reports.reduce((sum, one) => sum + count(one), 0)
      assert.strictEqual(all.inputTokens, sumOf(({ last }) => last.inputTokens.total ?? 0))
      assert.strictEqual(all.outputTokens, sumOf(({ last }) => last.outputTokens.total ?? 0))
      assert.closeTo(all.cost, sumOf(({ last, name }) => costOf(name, last)), 1e-12)
      assert.strictEqual(all.unpriced, 0)
      assert.strictEqual(all.attempts, vendors.reduce((sum, { sent }) => sum + sent.length, 0))
      assert.strictEqual(all.attempts, all.succeeded + all.failed + all.interrupted)
      if (all.interrupted > 0) reach("interrupted")
      if (all.failed > 0) reach("failed")
      if (all.partial > 0) reach("partial")
      const entries = yield* ledger.entries
      if (hedge && entries.some(({ outcome, provider }) => outcome === "interrupted" && provider !== "b")) {
        reach("hedged or given up")
      }
      if (entries.some(({ reason }) => reason === "StructuredOutputError")) reach("repaired")
      if (a2.sent.length > 0) reach("pooled")

      // The budgets.
      assert.deepStrictEqual(faults, [])
      if (kinds.has("anyway")) reach("let in again")
      const byUser = Usage.sumBy(entries, { tag: "user" })
      for (const user of ["1", "2"] as const) {
        const total = byUser.get(user) ?? Usage.zero
        const tokens = total.inputTokens + total.outputTokens
        const flying = sumOf(({ id, last }) =>
          atLast[user].has(id) ? (last.inputTokens.total ?? 0) + (last.outputTokens.total ?? 0) : 0
        )
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
  {
    cases: 300,
    reaches: [
      "refused",
      "overspent",
      "kept an estimate",
      "interrupted",
      "failed",
      "hedged or given up",
      "repaired",
      "pooled",
      "partial",
      "let in again"
    ]
  }
)
