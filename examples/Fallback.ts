/**
 * The same outages on a bare `ExecutionPlan` of Effect's and on a `ProviderChain`, side by side: run it with
 * `npx node examples/Fallback.ts`.
 */
import * as ChainError from "@holdfast/llm/ChainError"
import type { Provider } from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExecutionPlan from "effect/ExecutionPlan"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

// -----------------------------------------------------------------------------
// The outages: the cloud breaks off, and what is at hand here does not
// -----------------------------------------------------------------------------

const answer = TestProvider.text("All is well.")
const call = TestProvider.parts([
  { type: "tool-call", id: "call-1", name: "charge", params: { cents: 500 } },
  { type: "finish", reason: "tool-calls", usage: { inputTokens: {}, outputTokens: {} } }
])

/** The call of a tool, something after it, and a connection that breaks. */
const brokenCall: TestProvider.Answer = [
  ...call.slice(0, 1),
  ...TestProvider.delay(TestProvider.parts([{ type: "text-start", id: "t" }]), "5 millis"),
  ...TestProvider.delay(TestProvider.failure(TestProvider.disconnected), "5 millis")
]

/** "All is", and a connection that breaks. */
const brokenAnswer = TestProvider.cut(answer, 3)

/** "All is", and an end in order, as a proxy makes it. */
const cutAnswer = TestProvider.truncate(answer, 3)

// -----------------------------------------------------------------------------
// The program: it asks for a LanguageModel, and knows nothing of providers
// -----------------------------------------------------------------------------

const tools = Toolkit.make(
  Tool.make("charge", { parameters: Schema.Struct({ cents: Schema.Int }), success: Schema.String })
)

/** What a customer sees, and how often the card was charged. */
interface Seen {
  readonly text: string
  readonly charges: number
}

const shop = (model: <A, E>(stream: Stream.Stream<A, E, LanguageModel.LanguageModel>) => Stream.Stream<A, E>) =>
  Effect.gen(function*() {
    const seen = { text: "", charges: 0 }
    const toolkit = yield* Effect.provide(
      tools,
      tools.toLayer({
        charge: () =>
          Effect.sync(() => {
            seen.charges++
            return "charged"
          })
      })
    )
    yield* model(LanguageModel.streamText({ prompt: "Charge five euros", toolkit })).pipe(
      Stream.runForEach((part) =>
        Effect.sync(() => {
          if (part.type === "text-delta") seen.text += part.delta
        })
      ),
      // A chain says that an answer broke off. This program forgets the part of it, and asks again.
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (ChainError.isStreamInterrupted(error)) seen.text = ""
        })
      ),
      Effect.retry({ times: 1, while: ChainError.isStreamInterrupted }),
      Effect.ignore
    )
    const told: Seen = seen
    return told
  })

// -----------------------------------------------------------------------------
// Side by side
// -----------------------------------------------------------------------------

/** A provider as Effect's packages make one: a layer of its own. */
const bare = (provider: Provider): Layer.Layer<LanguageModel.LanguageModel> =>
  Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({ generateText: provider.generateText, streamText: provider.streamText })
  )

const outages = {
  "breaks after a tool call": { cloud: [brokenCall, brokenCall], local: call },
  "breaks in the middle": { cloud: [brokenAnswer, answer], local: answer },
  "ends without its terminator": { cloud: [cutAnswer, answer], local: answer }
} as const

/** What each outage looks like with the one and with the other. */
export const sideBySide = Effect.forEach(
  Object.entries(outages),
  ([outage, { cloud, local }]) =>
    Effect.gen(function*() {
      const providers = () =>
        [
          TestProvider.script("cloud", cloud),
          TestProvider.make("ollama", () => Effect.succeed(local), { location: "local" })
        ] as const
      const [first, second] = providers()
      const plan = ExecutionPlan.make(
        { provide: bare(first), attempts: cloud === outages["breaks after a tool call"].cloud ? 1 : 2 },
        { provide: bare(second) }
      )
      const chain = ProviderChain.layer({ providers: providers(), retry: false })
      return {
        outage,
        plan: yield* shop(Stream.withExecutionPlan(plan)),
        chain: yield* shop((stream) => Stream.provide(stream, chain))
      }
    })
)

const show = ({ charges, text }: Seen): string => `${JSON.stringify(text)}, ${charges} x charged`

if (import.meta.main) {
  await Effect.runPromise(
    Effect.flatMap(
      sideBySide,
      (rows) =>
        Effect.forEach(
          rows,
          ({ chain, outage, plan }) =>
            Console.log(`The cloud ${outage}\n  ExecutionPlan  ${show(plan)}\n  ProviderChain  ${show(chain)}\n`)
        )
    ).pipe(
      // A chain warns of a provider that it gives up; here the table says it.
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  )
}
