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
import * as CloudServer from "./CloudServer.ts"
import type { AskedAgain, AskEnded, AttemptEnded, DemoEvent, Mode, Tally, Verdict } from "./DemoEvent.ts"
import { count, emptyTally, sum } from "./DemoEvent.ts"
import * as FetchClient from "./FetchClient.ts"
import * as OllamaServer from "./OllamaServer.ts"
import * as Question from "./Question.ts"

/** Words of an answer that are arriving. Not part of the record: how they are cut into pieces depends on the network. */
export interface Said {
  readonly _tag: "Said"
  readonly text: string
}

/** One request of the program on Holdfast to one provider, as it ends. */
export type Attempt = Omit<AttemptEnded, "_tag" | "act" | "ask" | "attempt">

/** An answer, and who gave it. */
export interface Answer {
  readonly text: string
  readonly provider: string
}

/** The program on Holdfast got no whole answer. */
export class AskFailed extends Data.TaggedError("AskFailed")<{
  /** Why, in words. */
  readonly because: string
  /** What had arrived when the stream broke off; `undefined` when nothing had. */
  readonly partial: string | undefined
}> {}

/** The program on Holdfast. */
export interface Asker {
  readonly ask: (options: {
    readonly question: string
    readonly mode: Mode
    readonly onAttempt: (attempt: Attempt) => void
    /** A provider that was not asked, because it had failed before. */
    readonly onSkipped: (provider: string) => void
    readonly onText: (text: string) => void
  }) => Effect.Effect<Answer, AskFailed>
}

/** Where the simulated providers are. */
export interface Providers {
  readonly cloudBaseUrl: string
  readonly cloudModel: string
  readonly ollamaUrl: string
  readonly ollamaModel: string
}

export interface Options<E> {
  /** Draws the faults. The same seed repeats a run. */
  readonly seed: number
  /** The policy in force, in words. */
  readonly policy: ReadonlyArray<string>
  /** Starts the program on Holdfast anew. Each act does, so that nothing learnt in one act blurs the next. */
  readonly connect: (providers: Providers) => Effect.Effect<Asker, E, Scope.Scope>
  /** Defaults to all acts. */
  readonly acts?: ReadonlyArray<Act.Act> | undefined
}

const modes: ReadonlyArray<Mode> = ["whole", "stream"]

const judge = (text: string, question: Question.Question): Verdict =>
  text === question.cloud || text === question.ollama
    ? "whole"
    : question.cloud.startsWith(text) || question.ollama.startsWith(text)
    ? "cut"
    : "wrong"

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
  const { millis, result } = yield* timed(
    FetchClient.ask({ baseUrl, model: CloudServer.model, question: ask.question.text, mode: ask.mode })
  )
  return {
    _tag: "AskEnded",
    client: "fetch",
    act: ask.act,
    ask: ask.ask,
    question: ask.question.text,
    mode: ask.mode,
    ...(Result.isSuccess(result)
      ? { verdict: judge(result.success, ask.question), provider: "cloud" }
      : { verdict: "failed", because: result.failure.message }),
    requests: 1,
    millis
  }
})

const askHoldfast = Effect.fnUntraced(function*(
  asker: Asker,
  ask: Ask,
  emit: (event: DemoEvent | Said) => void
): Effect.fn.Return<AskEnded> {
  const at = { act: ask.act, ask: ask.ask }
  let requests = 0
  const once = Effect.suspend(() =>
    asker.ask({
      question: ask.question.text,
      mode: ask.mode,
      onAttempt: (attempt) => {
        requests++
        emit({ _tag: "AttemptEnded", ...at, attempt: requests, ...attempt })
      },
      onSkipped: (provider) => emit({ _tag: "ProviderSkipped", ...at, provider }),
      onText: (text) => emit({ _tag: "Said", text })
    })
  )
  emit({ _tag: "AskStarted", ...at, question: ask.question.text, mode: ask.mode })
  const { millis, result } = yield* timed(
    // A stream that broke off in front of a reader is not mended behind the reader's back: this program wants the whole
    // answer, so it says so by asking once more.
    Effect.catchTag(once, "AskFailed", (failed) => {
      if (failed.partial === undefined) {
        return Effect.fail(failed)
      }
      const again: AskedAgain = {
        _tag: "AskedAgain",
        ...at,
        because: failed.because,
        words: Question.pieces(failed.partial).length
      }
      emit(again)
      return once
    })
  )
  return {
    _tag: "AskEnded",
    client: "holdfast",
    ...at,
    question: ask.question.text,
    mode: ask.mode,
    ...(Result.isSuccess(result)
      ? { verdict: judge(result.success.text, ask.question), provider: result.success.provider }
      : { verdict: "failed", because: result.failure.because }),
    requests,
    millis
  }
})

const play = Effect.fnUntraced(function*<E>(
  options: Options<E>,
  emit: (event: DemoEvent | Said) => void
): Effect.fn.Return<void, E, Scope.Scope> {
  const acts = options.acts ?? Act.all
  const cloud = yield* CloudServer.make({ seed: options.seed })
  const ollama = yield* OllamaServer.make()
  const cloudOfFetch = yield* CloudServer.make({ seed: options.seed })
  const start = yield* Clock.monotonicTimeNanos

  emit({
    _tag: "DemoStarted",
    seed: options.seed,
    acts: acts.length,
    questions: Question.all.map((question) => question.text),
    policy: options.policy,
    cloudUrl: cloud.url,
    ollamaUrl: ollama.url
  })

  let holdfastTotal: Tally = emptyTally
  let fetchTotal: Tally = emptyTally
  let number = 0
  let asked = 0
  for (const act of acts) {
    emit({ _tag: "ActStarted", act: act.name, title: act.title, number: ++number, of: acts.length })
    yield* cloud.play(act)
    yield* cloudOfFetch.play(act)
    const asks: ReadonlyArray<Ask> = Question.all.flatMap((question) =>
      modes.map((mode) => ({ act: act.name, ask: ++asked, question, mode }))
    )
    const fetching = yield* Effect.forkScoped(
      Effect.forEach(asks, (ask) => askFetch(cloudOfFetch.baseUrl, ask))
    )
    let holdfast: Tally = emptyTally
    yield* Effect.scoped(Effect.gen(function*() {
      const asker = yield* options.connect({
        cloudBaseUrl: cloud.baseUrl,
        cloudModel: CloudServer.model,
        ollamaUrl: ollama.url,
        ollamaModel: OllamaServer.model
      })
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
      cloud: yield* cloud.requests,
      ollama: yield* ollama.requests,
      cloudOfFetch: yield* cloudOfFetch.requests
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
