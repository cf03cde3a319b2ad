/**
 * A conversation in a terminal over the chain of the environment: each question gets its answer, streamed, and its story.
 *
 * The history gains whole turns only. When the model fails after tools have run, what they did is kept, and the next
 * question goes on from there.
 */
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ChatService from "@holdfast/llm/ChatService"
import * as Prompt from "effect/ai/Prompt"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import * as SampleTools from "./SampleTools.ts"
import * as Story from "./Story.ts"

/** There was no answer; `message` is the line for stderr. */
export class ChatFailed extends Data.TaggedError("ChatFailed")<{
  readonly message: string
  /** 1 if providers were asked, 2 if there was no question or no provider. */
  readonly exitCode: 1 | 2
  /** Whether it has been printed already. Default: `false`. */
  readonly isSaid?: boolean
}> {
  override readonly [Runtime.errorExitCode] = this.exitCode
  override readonly [Runtime.errorReported] = this.isSaid !== true
}

/** How a session is held. */
export interface Options {
  /** What the model is told before anything else. */
  readonly system: string | undefined
  readonly tools: ReadonlyArray<SampleTools.Name>
  /** Whether answers are JSON documents, one a line, rather than text as it comes. */
  readonly json: boolean
}

/** A conversation. */
export interface Session {
  /** Asks, shows the answer and tells its story. The failure has not been said. */
  readonly ask: (question: string) => Effect.Effect<void, ChatFailed>
}

/** Opens a session. */
export const make = Effect.fnUntraced(function*(options: Options) {
  const service = yield* ChatService.ChatService
  const terminal = yield* Terminal.Terminal
  const toolkit = yield* SampleTools.toolkit(options.tools)
  const history = yield* Ref.make(
    options.system === undefined ? Prompt.empty : Prompt.make([{ role: "system", content: options.system }])
  )
  const runSync = Effect.runSyncWith(yield* Effect.context())
  /** A turn that failed after its tools had run. */
  let begun = Prompt.empty

  /** Shows words as they come, and ends their last line. */
  const shown = <A, E, R>(use: (show: (text: string) => Effect.Effect<void>) => Effect.Effect<A, E, R>) => {
    let last = ""
    const end = Effect.suspend(() => last === "" || last.endsWith("\n") ? Effect.void : terminal.display("\n"))
    return use((text) => {
      if (options.json || text === "") return Effect.void
      last = text
      return Effect.orDie(terminal.display(text))
    }).pipe(Effect.ensuring(Effect.ignore(end)))
  }

  const json = (document: object) => Effect.orDie(terminal.display(`${JSON.stringify(document)}\n`))

  const ask = Effect.fnUntraced(function*(question: string) {
    const detours = new Story.Detours()
    const messages = Prompt.concat(begun, question)
    const answered = shown((show) =>
      service.stream({
        messages,
        history,
        toolkit,
        onToolCall: (call) => {
          if (!options.json) runSync(Console.error(Story.toolLine(call)))
        }
      }).pipe(
        Stream.runFoldEffect(
          (): ChatService.Answer | undefined => undefined,
          (answer, part) =>
            part.type === "answer"
              ? Effect.succeed(part.answer)
              : Effect.as(part.type === "text-delta" ? show(part.delta) : Effect.void, answer)
        ),
        ChainEvent.observe(detours.observe)
      )
    )
    const answer = yield* answered.pipe(
      Effect.catchTags({
        NoUserMessage: ({ message }) => Effect.fail(new ChatFailed({ message, exitCode: 2 })),
        AiError: (error) => {
          if (ChatService.isTurnFailed(error)) begun = error.messages
          const message = Story.failure(error)
          return Effect.andThen(
            options.json ? json({ ok: false, question, error: message, detours: detours.said }) : Effect.void,
            Effect.fail(new ChatFailed({ message, exitCode: 1, isSaid: options.json }))
          )
        }
      })
    )
    begun = Prompt.empty
    if (answer === undefined) return
    yield* options.json
      ? json(Story.toJson(question, answer, detours))
      : Console.error(Story.line(answer, detours))
  })

  const session: Session = { ask }
  return session
})
