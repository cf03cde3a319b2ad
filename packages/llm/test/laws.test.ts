/** What a chain promises, for a fault of every kind at every place. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChatService from "@holdfast/llm/ChatService"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import type * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import type * as AiError from "effect/ai/AiError"
import * as Prompt from "effect/ai/Prompt"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"
import * as Outage from "./Outage.ts"

/** An answer that calls a tool, and is whole more often than others. */
const calls = (plan: Outage.Plan): Outage.Plan => ({
  ...plan,
  shape: plan.shape === "text" ? "call" : plan.shape === "thoughts" ? "calls" : plan.shape,
  at: plan.at > 6 ? 99 : plan.at
})

const Seconds = Schema.Literals([0, 1, 2, 3, 5, 8, 13, 21, 34, 61, 130])

const kindOf = (reason: AiError.AiErrorReason) => ProviderFailure.detail(reason).kind

const sent = (providers: Outage.Play["providers"]): ReadonlyArray<TestProvider.TestProvider> => Object.values(providers)

const counts = ({ cloud, local, spare }: Outage.Play["providers"]) => ({
  cloud: cloud.requests.length,
  spare: spare.requests.length,
  local: local.requests.length
})

// -----------------------------------------------------------------------------
// Every place
// -----------------------------------------------------------------------------

/** A fault of each kind at each step of an answer of this shape, at the first provider, at the next, and at all of them. */
const everywhere = (shape: Outage.Shape): ReadonlyArray<Outage.World> =>
  Array.from(
    { length: Outage.lengthOf(shape) + 1 },
    (_, at) =>
      Outage.kinds.flatMap((kind) =>
        [true, false].flatMap((streaming) =>
          // Without tools there is nothing to call.
          (shape.startsWith("call") ? [true] : [true, false]).flatMap((tools) => {
            const broken: Outage.Plan = { shape, kind, at, pace: 0 }
            const given: Outage.Plan = { ...broken, kind: "badKey", at: 0 }
            const whole: Outage.Plan = { ...broken, at: 99 }
            return [
              { cloud: [broken, whole], spare: [whole], local: [whole] },
              { cloud: [given], spare: [broken, broken], local: [whole] },
              { cloud: [broken, broken], spare: [broken, broken], local: [broken, broken] }
            ].map((plans): Outage.World => ({ plans, streaming, tools, times: 1 }))
          })
        )
      )
  ).flat()

describe("a fault of every kind at every step of every answer", () => {
  for (const shape of Outage.shapes) {
    const worlds = everywhere(shape)
    it.effect(
      `M1-M3: ends in one provider's whole answer or a typed failure, and runs a tool once or not at all: ${shape} (${
        worlds.length.toLocaleString("en")
      } fault positions)`,
      () =>
        Effect.forEach(worlds, (world) =>
          Effect.gen(function*() {
            const play = Outage.play(world)
            const story = yield* Outage.request(world, play)
            const expected = Outage.expected(world)
            Outage.checkOutcome(story, expected)
            assert.deepStrictEqual(counts(play.providers), expected.requests)
            assert.deepStrictEqual(story.charged.toSorted(), expected.charged)
          }).pipe(
            Effect.catchDefect((defect) => Effect.die(new Error(JSON.stringify(world), { cause: defect })))
          ), { discard: true }),
      120_000
    )
  }

  const steps = Outage.shapes.flatMap((shape) =>
    Array.from(
      { length: Outage.lengthOf(shape) + 1 },
      (_, step) => [true, false].flatMap((streaming) => [true, false].map((chat) => ({ shape, step, streaming, chat })))
    ).flat()
  )
  it.effect(
    `M3, M4: leaves nothing open, half done or half told when it is interrupted there (${steps.length} fault positions)`,
    () =>
      Effect.forEach(steps, ({ chat, shape, step, streaming }) =>
        Effect.gen(function*() {
          const plan: Outage.Plan = { ...Outage.whole, shape, pace: 7 }
          const plans = { cloud: [plan, plan], spare: [], local: [] }
          const world: Outage.World = { plans, streaming, tools: true, times: 1 }
          const play = Outage.play(world)
          // In the pause before the next step; after the last one the answer is whole.
          const interruptAfter = 7 * step + 3
          const whole = step === Outage.lengthOf(shape)
          if (chat) {
            const { charged, history } = yield* converse(world, play, interruptAfter)
            const turns = history.content.filter((message) => message.role === "user").length
            assert.strictEqual(turns, whole && !shape.startsWith("call") ? 1 : 0, `${shape} at ${step}`)
            assert.isTrue(whole || charged.length === 0)
          } else {
            const { charged, exit } = yield* Outage.request(world, play, { interruptAfter })
            assert.isTrue(whole || (exit === undefined && charged.length === 0), `${shape} at ${step}`)
          }
          for (const provider of sent(play.providers)) assert.strictEqual(provider.closed(), provider.requests.length)
        }), { discard: true })
  )
})

// -----------------------------------------------------------------------------
// Random outages
// -----------------------------------------------------------------------------

describe("outages", () => {
  law(
    "M1: an answer is one provider's, whole, or the error has what was seen of it",
    { world: Outage.World },
    ({ world }) =>
      Effect.map(
        Outage.request(world, Outage.play(world)),
        (story) => Outage.checkOutcome(story, Outage.expected(world))
      )
  )

  law(
    "M2: an answer without its terminator is not a success, and runs no tool",
    { world: Outage.World, at: Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), tools: Schema.Boolean },
    ({ at, tools, world }) => {
      const cut = (given: Outage.Plan): Outage.Plan => {
        const plan = Outage.without(tools, given)
        return { ...plan, kind: "truncated", at: Math.min(at, Outage.lengthOf(plan.shape) - 1) }
      }
      const all = Array.from({ length: 3 }, (_, i) => i)
      const plans = (some: ReadonlyArray<Outage.Plan>) =>
        all.map((i) => cut(some[i] ?? { ...Outage.whole, shape: tools ? "calls" : "text" }))
      const { cloud, local, spare } = world.plans
      const truncated: Outage.World = {
        ...world,
        tools,
        plans: { cloud: plans(cloud), spare: plans(spare), local: plans(local) }
      }
      return Effect.map(Outage.request(truncated, Outage.play(truncated)), (story) => {
        assert.isTrue(story.exit !== undefined && Exit.isFailure(story.exit))
        assert.deepStrictEqual(story.charged, [])
        assert.strictEqual(story.finishes, 0)
      })
    }
  )

  law(
    "M3: a tool runs at most once a call, and only for the answer that is whole, wherever the request is interrupted",
    { world: Outage.World, interruptAfter: Seconds },
    ({ interruptAfter, world }, reach) =>
      Effect.gen(function*() {
        const calling = { ...world, tools: true, plans: Record.map(world.plans, (plans) => plans.map(calls)) }
        const play = Outage.play(calling)
        const { charged } = yield* Outage.request(calling, play, { interruptAfter })
        const expected = Outage.expected(calling)
        assert.strictEqual(new Set(charged).size, charged.length)
        if (charged.length > 0) reach("a tool that runs")
        for (const id of charged) assert.include(expected.charged, id)
        // Nothing is left open, and nothing goes on.
        for (const provider of sent(play.providers)) assert.strictEqual(provider.closed(), provider.requests.length)
        const before = counts(play.providers)
        yield* TestClock.adjust("3 hours")
        assert.deepStrictEqual(counts(play.providers), before)
      }),
    { reaches: ["a tool that runs"] }
  )

  law(
    "M5: when all fail, the error has every attempt with its reason, its decision and its time, and leads with the first refusal",
    { world: Outage.World },
    ({ world }, reach) =>
      Effect.map(Outage.request(world, Outage.play(world)), ({ events, exit }) => {
        const failed = events.flatMap((event) =>
          event._tag === "AttemptFailed"
            ? [
              [event.provider, event.attempt, event.reason, event.decision, Duration.toMillis(event.duration)] as const
            ]
            : []
        )
        const error = exit === undefined ? undefined : Option.getOrUndefined(Exit.findErrorOption(exit))
        if (!ChainError.isNoAnswer(error) && !ChainError.isStreamInterrupted(error)) {
          return assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
        }
        assert.deepStrictEqual(
          error.attempts.map(({ attempt, decision, duration, provider, reason }) =>
            [provider, attempt, reason, decision, Duration.toMillis(duration)] as const
          ),
          failed
        )
        const last = error.attempts.at(-1)
        assert(last !== undefined && last.decision._tag === "Fail")
        // A refusal that no signal explains says most of the request, unless the last one is about the request for certain.
        const refusal = error.attempts.find(({ reason }) =>
          reason._tag === "InvalidRequestError" && kindOf(reason) === undefined
        )
        const isCertain = kindOf(last.reason) === "invalidRequest" || last.reason._tag === "ContentPolicyError"
        const leading = ChainError.isNoAnswer(error) && !isCertain ? refusal ?? last : last
        assert.strictEqual(error.reason, leading.reason)
        reach("all fail")
      }),
    { reaches: ["all fail"] }
  )

  law(
    "M6: who is asked, how often and who is not, is what the table of decisions says",
    { world: Outage.World },
    ({ world }) =>
      Effect.gen(function*() {
        const play = Outage.play(world)
        const { charged } = yield* Outage.request(world, play)
        const expected = Outage.expected(world)
        assert.deepStrictEqual(counts(play.providers), expected.requests)
        assert.deepStrictEqual(charged.toSorted(), expected.charged)
      })
  )

  law(
    "M8: offline nothing is sent to the cloud, and what is at hand answers as it would alone",
    { world: Outage.World },
    ({ world }) =>
      Effect.gen(function*() {
        const play = Outage.play(world)
        const story = yield* Outage.request(world, play, { offline: true })
        const skip: Outage.Plan = { ...Outage.whole, kind: "badKey", at: 0 }
        const alone = Outage.expected({ ...world, plans: { ...world.plans, cloud: [skip], spare: [skip] } })
        assert.deepStrictEqual(counts(play.providers), { cloud: 0, spare: 0, local: alone.requests.local })
        Outage.checkOutcome(story, alone)
      })
  )

  law(
    "M9: no attempt is silent for longer than its clocks, and no request is longer than its deadline",
    { world: Outage.World, deadline: Schema.Literals([0, 1, 10, 40, 200]) },
    ({ deadline, world }) =>
      Effect.gen(function*() {
        const clocks = {
          head: "5 seconds",
          firstContent: "9 seconds",
          betweenChunks: "6 seconds",
          answer: "60 seconds"
        }
        const timeouts = clocks as { readonly [K in keyof typeof clocks]: Duration.Input }
        const { events, exit } = yield* Outage.request(world, Outage.play(world), {
          options: {
            timeouts,
            localTimeouts: timeouts,
            ...(deadline === 0 ? {} : { deadline: Duration.seconds(deadline) })
          }
        })
        assert.isDefined(exit)
        const took = (events.at(-1)?.at ?? 0) - (events[0]?.at ?? 0)
        if (deadline > 0) assert.isAtMost(took, deadline * 1_000)
        let heard = 0
        for (const event of events) {
          if (event._tag === "AttemptStarted") heard = event.at
          if (event._tag === "Committed") {
            assert.isAtMost(event.at - heard, 9_000)
            heard = event.at
          }
          if (event._tag !== "AttemptFailed") continue
          const committed = event.decision._tag === "Fail" && event.decision.because.includes("already seen")
          // After the commit of the longest answer ten parts come, a second each or not within their six seconds.
          const limit = committed ? 10_000 + 6_000 : world.streaming ? 9_000 : 60_000
          assert.isAtMost(event.at - heard, limit)
        }
      })
  )
})

// -----------------------------------------------------------------------------
// Conversations
// -----------------------------------------------------------------------------

/** Asks twice in one history, and says what there is of each turn. */
const converse = (world: Outage.World, play: Outage.Play, interruptAfter: number | undefined) =>
  Effect.gen(function*() {
    const charged: Array<string> = []
    const history = yield* Ref.make(Prompt.make([{ role: "system", content: "Be brief." }]))
    const ledger = yield* Usage.make()
    const told: Array<ChatService.ToolCall> = []
    const request = { history, toolkit: Outage.tools, onToolCall: (call: ChatService.ToolCall) => told.push(call) }
    const ask = (messages: string) =>
      Effect.flatMap(ChatService.ChatService, (chat) =>
        world.streaming
          ? Stream.runCollect(chat.stream({ ...request, messages })).pipe(
            Effect.map((parts) => {
              const last = parts.at(-1)
              return last?.type === "answer" ? last.answer : assert.fail("the last element is not an answer")
            })
          )
          : chat.ask({ ...request, messages }))
    const turn = (messages: string) =>
      Effect.gen(function*() {
        const before = yield* Ref.get(history)
        const exit = yield* Effect.exit(ask(messages))
        return { before, exit, after: yield* Ref.get(history) }
      })
    const fiber = yield* Effect.all([turn("one"), turn("two")]).pipe(
      Effect.provideService(Usage.Ledger, ledger),
      Effect.provide([
        Layer.provide(ChatService.layer({ maxToolIterations: 2 }), play.layer({ cooldown: 0 })),
        Outage.counting(charged)
      ]),
      Effect.forkChild({ startImmediately: true })
    )
    const start = yield* Ref.get(history)
    if (interruptAfter === undefined) yield* Outage.toItsEnd(fiber)
    else {
      yield* TestClock.adjust(`${interruptAfter} seconds`)
      yield* Fiber.interrupt(fiber)
    }
    const ended = fiber.pollUnsafe()
    if (ended === undefined) return assert.fail("still running when it should have ended")
    return { ended, start, history: yield* Ref.get(history), charged, told, totals: yield* ledger.totals }
  })

/** Whether every call of a tool in a conversation has its result. */
const isSound = (prompt: Prompt.Prompt): boolean => {
  const parts = prompt.content.flatMap((message) => typeof message.content === "string" ? [] : [...message.content])
  const ids = (type: string) => parts.flatMap((part) => part.type === type && "id" in part ? [part.id] : []).toSorted()
  return JSON.stringify(ids("tool-call")) === JSON.stringify(ids("tool-result"))
}

describe("conversations", () => {
  law(
    "M4: a history gains exactly one whole turn a call, and nothing by one that fails",
    { world: Outage.World },
    ({ world }) =>
      Effect.gen(function*() {
        const play = Outage.play({ ...world, tools: true })
        const { charged, ended, told } = yield* converse(world, play, undefined)
        if (Exit.isFailure(ended)) return assert.fail(`${ended}`)
        for (const { after, before, exit } of ended.value) {
          if (Exit.isFailure(exit)) {
            assert.strictEqual(after, before)
            continue
          }
          const { messages } = exit.value
          assert.deepStrictEqual(after, Prompt.concat(before, messages))
          assert.strictEqual(messages.content.filter((message) => message.role === "user").length, 1)
          assert.isTrue(isSound(after))
          const called = messages.content.flatMap((message) =>
            message.role === "assistant"
              ? message.content.flatMap((part) => part.type === "tool-call" ? [part.id] : [])
              : []
          )
          assert.deepStrictEqual(called.toSorted(), exit.value.toolCalls.map(({ id }) => id).toSorted())
        }
        assert.strictEqual(new Set(charged).size, charged.length)
        assert.deepStrictEqual(told.map(({ id }) => id).toSorted(), charged.toSorted())
        // Every attempt of one request was given the same: the user's last message, and the tools.
        for (const { requests } of sent(play.providers)) {
          for (const { prompt, toolChoice, tools } of requests) {
            assert.include(["user", "tool"], prompt.content.at(-1)?.role)
            assert.deepStrictEqual(tools.map(({ name }) => name), ["charge"])
            assert.strictEqual(toolChoice, "auto")
          }
        }
      })
  )

  law(
    "M4: a history gains nothing by a turn that is interrupted, wherever that is",
    { world: Outage.World, interruptAfter: Seconds },
    ({ interruptAfter, world }) =>
      Effect.gen(function*() {
        const play = Outage.play({ ...world, tools: true })
        const { history, start } = yield* converse(world, play, interruptAfter)
        const users = history.content.filter((message) => message.role === "user").length
        assert.isAtMost(users, 2)
        assert.deepStrictEqual(history.content.slice(0, start.content.length), start.content)
        assert.isTrue(isSound(history))
        // A turn that is there ends with what came of it.
        assert.notStrictEqual(history.content.at(-1)?.role, "user")
        for (const provider of sent(play.providers)) assert.strictEqual(provider.closed(), provider.requests.length)
      })
  )

  law(
    "M10: what the ledger sums up is what the answers report, and it has an entry for every request",
    { world: Outage.World },
    ({ world }) =>
      Effect.gen(function*() {
        const play = Outage.play({ ...world, tools: true })
        const { ended, totals } = yield* converse(world, play, undefined)
        if (Exit.isFailure(ended)) return assert.fail(`${ended}`)
        const asked = sent(play.providers).reduce((sum, { requests }) => sum + requests.length, 0)
        assert.strictEqual(totals.all.attempts, asked)
        assert.strictEqual(totals.all.attempts, totals.all.succeeded + totals.all.failed + totals.all.interrupted)
        const answers = ended.value.flatMap(({ exit }) => Exit.isSuccess(exit) ? [exit.value] : [])
        for (const { attempts, usage } of answers) {
          const won = Usage.sum(attempts.filter(({ outcome }) => outcome === "succeeded"))
          assert.strictEqual(won.inputTokens, usage.inputTokens.total)
          assert.strictEqual(won.outputTokens, usage.outputTokens.total)
        }
        if (answers.length === 2) {
          assert.deepStrictEqual(Usage.sum(answers.flatMap(({ attempts }) => attempts)), totals.all)
        }
      })
  )
})
