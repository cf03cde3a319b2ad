/**
 * Outages by plan: providers whose answers fail at a given step in a given way, what a request sees of that, and, worked out
 * without the chain, what it should have seen.
 */
import { assert } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as Connectivity from "@holdfast/llm/Connectivity"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

// -----------------------------------------------------------------------------
// Faults
// -----------------------------------------------------------------------------

/** What follows a fault before anything was seen: another attempt, the next provider, the next if larger, or nothing. */
type Follows = "here" | "next" | "larger" | "none"

const invalid = (kind?: string) =>
  new AiError.InvalidRequestError(kind === undefined ? {} : { metadata: { holdfast: { kind } } })
const unknown = (status?: number) =>
  new AiError.UnknownError(status === undefined ? {} : { metadata: { holdfast: { status } } })

const reasons = {
  disconnected: ["here", TestProvider.disconnected],
  limited: ["here", new AiError.RateLimitError({})],
  limitedForSeconds: ["here", new AiError.RateLimitError({ retryAfter: Duration.seconds(2) })],
  limitedForHours: ["next", new AiError.RateLimitError({ retryAfter: Duration.hours(2) })],
  overloaded: ["here", new AiError.InternalProviderError({ description: "overloaded" })],
  conflict: ["here", unknown(409)],
  spent: ["next", new AiError.QuotaExhaustedError({})],
  badKey: ["next", new AiError.AuthenticationError({ kind: "InvalidKey" })],
  unpaid: ["next", unknown(402)],
  noModel: ["next", invalid("unknownModel")],
  noTools: ["next", invalid("unsupported")],
  unreadable: ["next", new AiError.InvalidResponseError({ description: "half a line" })],
  unknown: ["next", unknown()],
  tooLong: ["larger", invalid("contextOverflow")],
  badRequest: ["none", invalid("invalidRequest")],
  oneVendorsRefusal: ["next", invalid()],
  policy: ["none", new AiError.ContentPolicyError({ description: "no" })],
  badOutput: ["none", new AiError.InvalidOutputError({ description: "no JSON" })],
  unencodable: [
    "none",
    new AiError.NetworkError({ reason: "EncodeError", method: "POST", url: "http://test", description: "a cycle" })
  ]
} as const satisfies Record<string, readonly [Follows, AiError.AiErrorReason]>

/** Ends an answer in order, lets it hang, or puts an error into it. Each is a failure of the connection or the provider. */
const endings = ["truncated", "stalled", "errorPart"] as const

type Reason = keyof typeof reasons
export type Kind = Reason | (typeof endings)[number]
const isReason = (kind: Kind): kind is Reason => kind in reasons

export const kinds: ReadonlyArray<Kind> = [...Object.keys(reasons) as Array<Reason>, ...endings]

const followsOf = (kind: Kind): Follows => isReason(kind) ? reasons[kind][0] : "here"

// -----------------------------------------------------------------------------
// Answers
// -----------------------------------------------------------------------------

export const shapes = ["text", "thoughts", "call", "calls"] as const
export type Shape = (typeof shapes)[number]

/** One answer: its shape, and where and how it breaks. A place beyond its end means that it does not break. */
export const Plan = Schema.Struct({
  shape: Schema.Literals(shapes),
  // What is not a reason has more ways to go wrong than its share.
  kind: Schema.Literals([...kinds, ...endings, ...endings, ...endings]),
  at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 13 })),
  /** Seconds before each step. */
  pace: Schema.Literals([0, 0, 0, 1, 7])
})
export type Plan = typeof Plan.Type

export const whole: Plan = { shape: "text", kind: "disconnected", at: 99, pace: 0 }

/** The parts of a whole answer, whose words and ids no other answer has. */
const partsOf = (shape: Shape, by: string): ReadonlyArray<Response.StreamPartEncoded> => {
  const block = (
    type: "text" | "reasoning",
    words: ReadonlyArray<string>
  ): ReadonlyArray<Response.StreamPartEncoded> => [
    { type: `${type}-start`, id: type },
    ...words.map((word): Response.StreamPartEncoded => ({ type: `${type}-delta`, id: type, delta: `${word} ` })),
    { type: `${type}-end`, id: type }
  ]
  const call = (id: string): ReadonlyArray<Response.StreamPartEncoded> => [
    { type: "tool-params-start", id, name: "charge" },
    { type: "tool-params-delta", id, delta: "{\"cents\":" },
    { type: "tool-params-delta", id, delta: "5}" },
    { type: "tool-params-end", id },
    { type: "tool-call", id, name: "charge", params: { cents: 5 } }
  ]
  const finish = (reason: Response.FinishReason): Response.StreamPartEncoded => ({
    type: "finish",
    reason,
    usage: { inputTokens: { total: 10 }, outputTokens: { total: 3 } }
  })
  const head: Response.StreamPartEncoded = { type: "response-metadata", id: by }
  switch (shape) {
    case "text":
      return [head, ...block("text", [by, "says", "so"]), finish("stop")]
    case "thoughts":
      return [head, ...block("reasoning", [by, "thinks"]), ...block("text", [by, "says"]), finish("stop")]
    case "call":
      return [head, ...call(`${by}-a`), finish("tool-calls")]
    case "calls":
      return [head, ...block("text", [by, "calls"]), ...call(`${by}-a`), ...call(`${by}-b`), finish("tool-calls")]
  }
}

export const lengthOf = (shape: Shape): number => partsOf(shape, "x").length

/** How many parts of a stream have come when the first of them is seen. */
const commitOf = (shape: Shape): number =>
  partsOf(shape, "x").findIndex((part) => part.type.endsWith("-delta") && "delta" in part && part.delta !== "") + 1

/**
 * Where the plan breaks its answer, as the number of parts before it; `undefined` if it does not. After the last part, only a
 * stream can break, unless the answer is a failure.
 */
const breaksAt = ({ at, kind, shape }: Plan, streaming: boolean): number | undefined => {
  const length = lengthOf(shape)
  const last = kind === "truncated" || (kind === "errorPart" && !streaming) ? length - 1 : length
  return at > last ? undefined : at
}

const answerOf = (plan: Plan, by: string): TestProvider.Answer => {
  const answer = TestProvider.parts(partsOf(plan.shape, by))
  const at = breaksAt(plan, true)
  const { kind, pace } = plan
  const broken = at === undefined
    ? answer
    : isReason(kind)
    ? TestProvider.cut(answer, at, reasons[kind][1])
    : kind === "truncated"
    ? TestProvider.truncate(answer, at)
    : kind === "stalled"
    ? TestProvider.stall(answer, at)
    : [...answer.slice(0, at), ...TestProvider.parts([{ type: "error", error: "boom" }])]
  return pace === 0 ? broken : TestProvider.pace(broken, `${pace} seconds`)
}

// -----------------------------------------------------------------------------
// Worlds
// -----------------------------------------------------------------------------

const Plans = Schema.Array(Plan).check(Schema.isMaxLength(4))

/** Three providers, each with its answers in order, and a request. After the last answer of a list, all answers are whole. */
export const World = Schema.Struct({
  plans: Schema.Struct({ cloud: Plans, spare: Plans, local: Plans }),
  streaming: Schema.Boolean,
  tools: Schema.Boolean,
  times: Schema.Literals([0, 1, 2])
})
export type World = typeof World.Type
type Name = keyof World["plans"]
const names = ["cloud", "spare", "local"] as const

export interface Play {
  readonly providers: { readonly [N in Name]: TestProvider.TestProvider }
  /** Adds the options that a law is about. */
  readonly layer: (options?: Omit<ProviderChain.Options, "providers">) => Layer.Layer<LanguageModel.LanguageModel>
}

/** A model that has no tools calls none. */
export const without = (tools: boolean, plan: Plan): Plan =>
  tools || !plan.shape.startsWith("call") ? plan : { ...plan, shape: "text" }

const planOf = (world: Pick<World, "plans" | "tools">, name: Name, index: number): Plan =>
  without(world.tools, world.plans[name][index] ?? whole)

/** The providers of a world, not yet asked. Given the results of tools, a model says something about them. */
export const play = (world: Pick<World, "plans" | "tools" | "times">): Play => {
  const provider = (name: Name) =>
    TestProvider.make(name, ({ prompt }, index) => {
      const plan = planOf(world, name, index)
      const told = prompt.content.at(-1)?.role === "tool" && plan.shape.startsWith("call")
      return Effect.succeed(answerOf(told ? { ...plan, shape: "text" } : plan, `${name}${index}`))
    }, {
      location: name === "local" ? "local" : "cloud",
      capabilities: name === "local" ? { contextWindow: 1_000_000 } : {}
    })
  const providers = { cloud: provider("cloud"), spare: provider("spare"), local: provider("local") }
  return {
    providers,
    layer: (options) =>
      ProviderChain.layer({
        retry: { times: world.times, backoff: Backoff.constant({ delay: "1 second" }) },
        ...options,
        providers: [providers.cloud, providers.spare, providers.local]
      })
  }
}

// -----------------------------------------------------------------------------
// Runs
// -----------------------------------------------------------------------------

export const tools = Toolkit.make(
  Tool.make("charge", { parameters: Schema.Struct({ cents: Schema.Int }), success: Schema.String })
)

/** What a request saw, and what it did. */
export interface Story {
  readonly exit: Exit.Exit<void, AiError.AiError> | undefined
  /** What was read: the texts, in order. */
  readonly text: string
  readonly reasoning: string
  readonly finishes: number
  /** The ids of the calls that a tool ran for, in order. */
  readonly charged: ReadonlyArray<string>
  readonly events: ReadonlyArray<ChainEvent.ChainEvent>
  readonly totals: Usage.Totals
}

export interface Circumstances {
  readonly options?: Omit<ProviderChain.Options, "providers">
  readonly offline?: boolean
  /** Interrupts the request after so many seconds. */
  readonly interruptAfter?: number | undefined
}

/** Counts the calls that its tool runs for. */
export const counting = (charged: Array<string>) =>
  tools.toLayer({
    charge: (_, { toolCallId }) =>
      Effect.sync(() => {
        charged.push(toolCallId ?? "")
        return "charged"
      })
  })

/** Moves the clock until a fiber has ended: an hour is longer than most plans take, a day than any. */
export const toItsEnd = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let hour = 0; hour < 24 && fiber.pollUnsafe() === undefined; hour++) yield* TestClock.adjust("1 hour")
  })

/** Sends one request to the providers of a play. */
export const request = (
  world: World,
  { layer }: Play,
  { interruptAfter, offline = false, options }: Circumstances = {}
): Effect.Effect<Story> =>
  Effect.gen(function*() {
    const charged: Array<string> = []
    const events: Array<ChainEvent.ChainEvent> = []
    const seen = { text: "", reasoning: "", finishes: 0 }
    const see = (part: { readonly type: string; readonly text?: string; readonly delta?: string }) => {
      if (part.type === "finish") seen.finishes++
      for (const type of ["text", "reasoning"] as const) {
        if (part.type === type || part.type === `${type}-delta`) seen[type] += part.text ?? part.delta ?? ""
      }
    }
    const prompt = "hello"
    const way = world.tools
      ? world.streaming
        ? Stream.runForEach(
          LanguageModel.streamText({ prompt, toolkit: tools }),
          (part) => Effect.sync(() => see(part as never))
        )
        : Effect.map(LanguageModel.generateText({ prompt, toolkit: tools }), ({ content }) =>
          content.forEach((p) => see(p as never)))
      : world.streaming
      ? Stream.runForEach(LanguageModel.streamText({ prompt }), (part) =>
        Effect.sync(() => see(part)))
      : Effect.map(LanguageModel.generateText({ prompt }), ({ content }) => content.forEach(see))
    const ledger = yield* Usage.make()
    const fiber = yield* way.pipe(
      ChainEvent.observe((event) => events.push(event)),
      Effect.exit,
      Effect.provideService(Usage.Ledger, ledger),
      Effect.provide([
        layer(options),
        counting(charged),
        offline ? Connectivity.layerOffline : Connectivity.layerOnline
      ]),
      Effect.forkChild({ startImmediately: true })
    )
    if (interruptAfter !== undefined) {
      yield* TestClock.adjust(`${interruptAfter} seconds`)
      yield* Fiber.interrupt(fiber)
    } else {
      yield* toItsEnd(fiber)
    }
    const ended = fiber.pollUnsafe()
    if (ended === undefined) return assert.fail("still running when it should have ended")
    const exit = Exit.isSuccess(ended) ? ended.value : undefined
    return { exit, ...seen, charged, events, totals: yield* ledger.totals }
  })

// -----------------------------------------------------------------------------
// What should be
// -----------------------------------------------------------------------------

/** What a request should see, by the table of decisions alone. */
export interface Expected {
  readonly requests: { readonly [N in Name]: number }
  readonly outcome: "whole" | "interrupted" | "failed"
  /** Whose answer it is, or what of it was seen. */
  readonly text: string
  readonly charged: ReadonlyArray<string>
}

/** What is seen of an answer: all of it, or what came before a given part. */
const seenOf = (shape: Shape, by: string, end = Infinity): string =>
  partsOf(shape, by).slice(0, end).flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join("")

/** What may be seen of one answer of a provider, and whether it is whole. */
export interface Sight {
  readonly name: Name
  readonly text: string
  readonly isWhole: boolean
  readonly charged: ReadonlyArray<string>
}

/** Every answer that was asked for, as it would be seen: which is the request's depends on their order in time. */
export const sights = (world: World, requests: { readonly [N in Name]: number }): ReadonlyArray<Sight> =>
  names.flatMap((name) =>
    Array.from({ length: requests[name] }, (_, index): Sight => {
      const by = `${name}${index}`
      const plan = planOf(world, name, index)
      const at = breaksAt(plan, world.streaming)
      const calls = partsOf(plan.shape, by).flatMap((part) => part.type === "tool-call" ? [part.id] : [])
      const isWhole = at === undefined
      return { name, text: seenOf(plan.shape, by, at), isWhole, charged: isWhole ? calls : [] }
    })
  )

export const expected = (world: World): Expected => {
  const requests = { cloud: 0, spare: 0, local: 0 }
  const failed: Expected = { requests, outcome: "failed", text: "", charged: [] }
  let next: Name | undefined = "cloud"
  while (next !== undefined) {
    const name: Name = next
    next = names[names.indexOf(name) + 1]
    for (let retries = 0; retries <= world.times; retries++) {
      const by = `${name}${requests[name]}`
      const plan = planOf(world, name, requests[name]++)
      const at = breaksAt(plan, world.streaming)
      if (at === undefined) {
        const charged = partsOf(plan.shape, by).flatMap((part) => part.type === "tool-call" ? [part.id] : [])
        return { requests, outcome: "whole", text: seenOf(plan.shape, by), charged }
      }
      if (world.streaming && at >= commitOf(plan.shape)) {
        return { requests, outcome: "interrupted", text: seenOf(plan.shape, by, at), charged: [] }
      }
      const follows = followsOf(plan.kind)
      if (follows === "here") continue
      if (follows === "none") return failed
      // Of the three only the last one says how much it reads.
      if (follows === "larger") next = name === "local" ? undefined : "local"
      break
    }
  }
  return failed
}

// -----------------------------------------------------------------------------
// Laws
// -----------------------------------------------------------------------------

/** Exactly one provider's whole answer, or a failure that says what was seen. */
export const checkOutcome = (story: Story, { outcome, text }: Expected): void => {
  const { exit } = story
  if (exit === undefined) return assert.fail("the request was interrupted")
  assert.strictEqual(story.text, text)
  if (outcome === "whole") {
    assert.isTrue(Exit.isSuccess(exit), `${exit}`)
    assert.strictEqual(story.finishes, 1)
    return
  }
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  assert.strictEqual(story.finishes, 0)
  if (outcome === "failed") return assert.isTrue(ChainError.isNoAnswer(error), `${exit}`)
  if (!ChainError.isStreamInterrupted(error)) return assert.fail(`${exit}`)
  assert.deepStrictEqual(error.partial, { text: story.text, reasoning: story.reasoning })
}
