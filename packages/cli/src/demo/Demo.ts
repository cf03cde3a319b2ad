/**
 * The demo: the same questions in every act, asked by a program on Holdfast and by one on plain `fetch`, as a stream of
 * events.
 *
 * Each program has servers of its own that play the same acts with the same seed, so that the n-th request of both meets
 * the same fault, and neither slows or spares the other. They ask at the same time; the events of plain `fetch` come at
 * the end of the act, so that their order does not depend on who was faster.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Act from "./Act.ts"
import * as AnthropicServer from "./AnthropicServer.ts"
import type { AskEnded, DemoEvent, Mode, Step, Tally, Verdict } from "./DemoEvent.ts"
import { count, emptyTally, sum } from "./DemoEvent.ts"
import * as FetchClient from "./FetchClient.ts"
import * as OllamaServer from "./OllamaServer.ts"
import * as OpenAiServer from "./OpenAiServer.ts"
import * as Question from "./Question.ts"

/** Words of an answer that are arriving. Not part of the record: how they are cut into pieces depends on the network. */
export interface Said {
  readonly _tag: "Said"
  readonly text: string
}

type Placed<S> = S extends unknown ? Omit<S, "act" | "ask" | "attempt"> : never

/** What the program on Holdfast tells on its way to an answer. */
export type Told = Placed<Step>

/** An answer, and who gave it. */
export interface Answer {
  readonly text: string
  readonly provider: string
}

/** The program on Holdfast got no whole answer. */
export class AskFailed extends Data.TaggedError("AskFailed")<{
  /** Why, in words. */
  readonly because: string
}> {}

/** What the tool `reserve` does, for one person: it counts, and gives the number of the reservation. */
type Reserve = (params: Question.Reserve) => string

/** The program on Holdfast. */
export interface Asker {
  readonly ask: (options: {
    readonly question: string
    readonly mode: Mode
    /** The tool that the model may have called. */
    readonly reserve: Reserve
    readonly tell: (told: Told) => void
    readonly onText: (text: string) => void
  }) => Effect.Effect<Answer, AskFailed>
}

/** Where a simulated provider is, and what model it has. */
interface Place {
  readonly url: string
  readonly model: string
}

/** Where the simulated providers are. */
export interface Providers {
  readonly openai: Place
  readonly anthropic: Place
  readonly ollama: Place
}

export interface Options<E> {
  /** Draws the faults. The same seed repeats a run. */
  readonly seed: number
  /** The policy in force, in words. */
  readonly policy: ReadonlyArray<string>
  /** Starts the program on Holdfast anew, with so many keys of OpenAI's. Each act does, so that nothing learnt in one blurs the next. */
  readonly connect: (providers: Providers, keys: number) => Effect.Effect<Asker, E, Scope.Scope>
  /** Defaults to all acts. */
  readonly acts?: ReadonlyArray<Act.Act> | undefined
}

const modes: ReadonlyArray<Mode> = ["whole", "stream"]

const models: ReadonlyArray<Question.Model> = ["openai", "anthropic", "ollama"]

/** An answer is whole when it is one model's to the letter, and what it says was done was done once. */
const judge = (text: string, question: Question.Question, toolRuns: number): Verdict => {
  const known = models.map((model) => Question.answerOf(question, model))
  if (known.includes(text)) {
    return toolRuns === (question.reserve === undefined ? 0 : 1) ? "whole" : "wrong"
  }
  return known.some((answer) => answer.startsWith(text)) ? "cut" : "wrong"
}

/** A desk that gives out numbers, and how many it has given. */
const makeDesk = () => {
  let given = 0
  return { reserve: (): string => `R-${++given}`, count: () => given }
}

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = yield* Clock.monotonicTimeNanos
    const result = yield* Effect.result(effect)
    return { result, millis: Number((yield* Clock.monotonicTimeNanos) - start) / 1e6 }
  })

interface Ask {
  readonly act: string
  readonly ask: number
  readonly question: Question.Question
  readonly mode: Mode
}

const askFetch = Effect.fnUntraced(function*(baseUrl: string, ask: Ask): Effect.fn.Return<AskEnded> {
  const desk = makeDesk()
  let requests = 0
  const { millis, result } = yield* timed(FetchClient.ask({
    baseUrl,
    model: OpenAiServer.model,
    question: ask.question.text,
    mode: ask.mode,
    reserve: desk.reserve,
    onRequest: () => requests++
  }))
  return {
    _tag: "AskEnded",
    client: "fetch",
    act: ask.act,
    ask: ask.ask,
    question: ask.question.text,
    mode: ask.mode,
    ...(Result.isSuccess(result)
      ? { verdict: judge(result.success, ask.question, desk.count()), provider: "openai" }
      : { verdict: "failed", because: result.failure.message }),
    requests,
    toolRuns: desk.count(),
    millis
  }
})

const askHoldfast = Effect.fnUntraced(function*(
  asker: Asker,
  ask: Ask,
  emit: (event: DemoEvent | Said) => void
): Effect.fn.Return<AskEnded> {
  const at = { act: ask.act, ask: ask.ask }
  const desk = makeDesk()
  let requests = 0
  emit({ _tag: "AskStarted", ...at, question: ask.question.text, mode: ask.mode })
  const { millis, result } = yield* timed(asker.ask({
    question: ask.question.text,
    mode: ask.mode,
    reserve: desk.reserve,
    tell: (told) => emit(told._tag === "AttemptEnded" ? { ...at, attempt: ++requests, ...told } : { ...at, ...told }),
    onText: (text) => emit({ _tag: "Said", text })
  }))
  return {
    _tag: "AskEnded",
    client: "holdfast",
    ...at,
    question: ask.question.text,
    mode: ask.mode,
    ...(Result.isSuccess(result)
      ? { verdict: judge(result.success.text, ask.question, desk.count()), provider: result.success.provider }
      : { verdict: "failed", because: result.failure.because }),
    requests,
    toolRuns: desk.count(),
    millis
  }
})

const play = Effect.fnUntraced(function*<E>(
  options: Options<E>,
  emit: (event: DemoEvent | Said) => void
): Effect.fn.Return<void, E, Scope.Scope> {
  const acts = options.acts ?? Act.all
  const openai = yield* OpenAiServer.make({ seed: options.seed })
  const anthropic = yield* AnthropicServer.make({ seed: options.seed })
  const ollama = yield* OllamaServer.make()
  const openaiOfFetch = yield* OpenAiServer.make({ seed: options.seed })
  const providers: Providers = {
    openai: { url: openai.baseUrl, model: OpenAiServer.model },
    anthropic: { url: anthropic.baseUrl, model: AnthropicServer.model },
    ollama: { url: ollama.url, model: OllamaServer.model }
  }
  const start = yield* Clock.monotonicTimeNanos

  emit({
    _tag: "DemoStarted",
    seed: options.seed,
    acts: acts.length,
    asks: acts.reduce((sum, act) => sum + act.questions.length * modes.length, 0),
    policy: options.policy,
    urls: { openai: openai.url, anthropic: anthropic.url, ollama: ollama.url, openaiOfFetch: openaiOfFetch.url }
  })

  let holdfastTotal: Tally = emptyTally
  let fetchTotal: Tally = emptyTally
  let number = 0
  let asked = 0
  for (const act of acts) {
    emit({ _tag: "ActStarted", act: act.name, title: act.title, number: ++number, of: acts.length })
    yield* openai.play(act)
    yield* anthropic.play(act)
    yield* openaiOfFetch.play(act)
    const asks: ReadonlyArray<Ask> = act.questions.flatMap((question) =>
      modes.map((mode) => ({ act: act.name, ask: ++asked, question, mode }))
    )
    const fetching = yield* Effect.forkScoped(
      Effect.forEach(asks, (ask) => askFetch(openaiOfFetch.baseUrl, ask))
    )
    let holdfast: Tally = emptyTally
    yield* Effect.scoped(Effect.gen(function*() {
      const asker = yield* options.connect(providers, act.keys)
      for (const ask of asks) {
        const ended = yield* askHoldfast(asker, ask, emit)
        emit(ended)
        holdfast = count(holdfast, ended)
      }
    }))
    const fetched = yield* Fiber.join(fetching)
    fetched.forEach(emit)
    const fetch = fetched.reduce(count, emptyTally)
    emit({ _tag: "ActEnded", act: act.name, title: act.title, holdfast, fetch })
    holdfastTotal = sum(holdfastTotal, holdfast)
    fetchTotal = sum(fetchTotal, fetch)
  }

  emit({
    _tag: "DemoEnded",
    seed: options.seed,
    ok: holdfastTotal.whole === holdfastTotal.asked,
    holdfast: holdfastTotal,
    fetch: fetchTotal,
    served: {
      openai: yield* openai.requests,
      anthropic: yield* anthropic.requests,
      ollama: yield* ollama.requests,
      openaiOfFetch: yield* openaiOfFetch.requests
    },
    millis: Number((yield* Clock.monotonicTimeNanos) - start) / 1e6
  })
})

/** Plays the demo. Its servers, connections and timers are gone when the stream has ended or was interrupted. */
export const run = <E>(options: Options<E>): Stream.Stream<DemoEvent | Said, E> =>
  Stream.callback<DemoEvent | Said, E>((queue) =>
    play(options, (event) => Queue.offerUnsafe(queue, event)).pipe(
      Effect.andThen(Queue.end(queue))
    )
  )
