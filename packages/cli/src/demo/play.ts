/** Plays the demo and draws it, live on a terminal, in plain lines anywhere else, as JSON when asked to. */
import * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import { fitted } from "../terminal/paragraph.ts"
import { clearLine, type Screen, screen } from "../terminal/style.ts"
import * as ChainAsker from "./ChainAsker.ts"
import * as Demo from "./Demo.ts"
import type { DemoEvent } from "./DemoEvent.ts"
import * as DemoScreen from "./Screen.ts"
import * as Transcript from "./Transcript.ts"

/** A question got no whole answer. The transcript has said which; the process exits with 1. */
export class DemoIncomplete extends Data.TaggedError("DemoIncomplete") {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
}

const hideCursor = "\u001b[?25l"
const showCursor = "\u001b[?25h"

const toJson = (event: DemoEvent | Demo.Said): string => event._tag === "Said" ? "" : `${JSON.stringify(event)}\n`

/** Draws events as lines, and on a terminal below them one line that shows the answer as it comes. */
const makeTranscriber = ({ animate, style, width }: Screen, program: DemoScreen.Program) => {
  let state = Transcript.initial
  let waiting: { question: string; mode: string; said: string } | undefined
  return (event: DemoEvent | Demo.Said): string => {
    if (event._tag === "Said") {
      if (waiting === undefined || !animate) return ""
      waiting.said += event.text
      return clearLine + DemoScreen.waiting(waiting, width, style)
    }
    const [next, lines] = Transcript.step(state, event, style, program)
    state = next
    const text = fitted(lines, width).map((line) => `${line}\n`).join("")
    if (!animate) return text
    if (event._tag === "AskStarted") {
      waiting = { question: event.question, mode: event.mode, said: "" }
    } else if (event._tag === "AttemptEnded" && event.outcome === "failed" && waiting !== undefined) {
      waiting.said = DemoScreen.failure(event)
    } else if (event._tag === "AskedAgain" && waiting !== undefined) {
      waiting.said = ""
    } else if (event._tag === "AskEnded" && event.client === "holdfast") {
      waiting = undefined
    }
    return clearLine + text + (waiting === undefined ? "" : DemoScreen.waiting(waiting, width, style))
  }
}

// npm names the script that it runs, so that the last lines suggest commands which exist where the reader is.
const program = Effect.map(
  Config.option(Config.String("npm_lifecycle_event")),
  (script): DemoScreen.Program =>
    Option.exists(script, (name) => name === "start" || name === "holdfast") ? "npm run holdfast --" : "holdfast"
)

export const play = Effect.fnUntraced(function*(input: { readonly seed: number; readonly json: boolean }) {
  const own = yield* screen
  const animate = own.animate && !input.json
  const draw = input.json ? toJson : makeTranscriber(own, yield* program)
  let ok = false
  const playing = Stream.runForEach(
    Demo.run({ seed: input.seed, policy: ChainAsker.policy, connect: ChainAsker.connect }),
    (event) => {
      if (event._tag === "DemoEnded") ok = event.ok
      const text = draw(event)
      return text === "" ? Effect.void : own.write(text)
    }
  )
  yield* animate
    ? Effect.acquireUseRelease(own.write(hideCursor), () => playing, () => own.write(clearLine + showCursor))
    : playing
  if (!ok) return yield* new DemoIncomplete()
})
