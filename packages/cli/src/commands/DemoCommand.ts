/**
 * `holdfast demo`: plays the demo and draws it, live on a terminal, in plain lines anywhere else, as JSON when asked to.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import * as ChainAsker from "../demo/ChainAsker.ts"
import * as Demo from "../demo/Demo.ts"
import type { DemoEvent } from "../demo/DemoEvent.ts"
import * as Screen from "../demo/Screen.ts"
import * as Transcript from "../demo/Transcript.ts"
import { paragraph } from "../terminal/paragraph.ts"

/** A question got no whole answer. The transcript has said which; the process exits with 1. */
export class DemoIncomplete extends Data.TaggedError("DemoIncomplete") {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
}

const clearLine = "\r\u001b[2K"
const hideCursor = "\u001b[?25l"
const showCursor = "\u001b[?25h"

const toJson = (event: DemoEvent | Demo.Said): string => event._tag === "Said" ? "" : `${JSON.stringify(event)}\n`

/** Draws events as lines, and on a terminal below them one line that shows the answer as it comes. */
const makeTranscriber = (options: {
  readonly style: Screen.Style
  readonly animate: boolean
  readonly columns: number
}) => {
  let state = Transcript.initial
  let waiting: { question: string; mode: string; said: string } | undefined
  return (event: DemoEvent | Demo.Said): string => {
    if (event._tag === "Said") {
      if (waiting === undefined || !options.animate) {
        return ""
      }
      waiting.said += event.text
      return clearLine + Screen.waiting(waiting, options.columns, options.style)
    }
    const [next, lines] = Transcript.step(state, event, options.style)
    state = next
    const text = lines.map((line) => `${line}\n`).join("")
    if (!options.animate) {
      return text
    }
    if (event._tag === "AskStarted") {
      waiting = { question: event.question, mode: event.mode, said: "" }
    } else if (event._tag === "AttemptEnded" && event.outcome === "failed" && waiting !== undefined) {
      waiting.said = Screen.failure(event)
    } else if (event._tag === "AskedAgain" && waiting !== undefined) {
      waiting.said = ""
    } else if (event._tag === "AskEnded" && event.client === "holdfast") {
      waiting = undefined
    }
    return clearLine + text + (waiting === undefined ? "" : Screen.waiting(waiting, options.columns, options.style))
  }
}

const play = Effect.fnUntraced(function*(input: { readonly seed: number; readonly json: boolean }) {
  const terminal = yield* Terminal.Terminal
  const can = yield* TerminalCapabilities.TerminalCapabilities
  const animate = can.canAnimate && !input.json
  const draw = input.json ? toJson : makeTranscriber({
    style: can.canColor ? Screen.coloured : Screen.plain,
    animate,
    // A terminal that does not know its width says 0.
    columns: (yield* terminal.columns) || 80
  })
  let ok = false
  const playing = Stream.runForEach(
    Demo.run({ seed: input.seed, policy: ChainAsker.policy, connect: ChainAsker.connect }),
    (event) => {
      if (event._tag === "DemoEnded") {
        ok = event.ok
      }
      const text = draw(event)
      return text === "" ? Effect.void : terminal.display(text)
    }
  )
  yield* animate
    ? Effect.acquireUseRelease(
      terminal.display(hideCursor),
      () => playing,
      () => Effect.ignore(terminal.display(clearLine + showCursor))
    )
    : playing
  if (!ok) {
    return yield* new DemoIncomplete()
  }
})

export const command = Command.make("demo", {
  seed: Flag.Int("seed").pipe(
    Flag.withDescription(
      "Draws the faults. The same seed repeats a run exactly, another one gives other faults. Defaults to 78"
    ),
    Flag.withDefault(78)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints the events, one JSON document a line, instead of the transcript"),
    Flag.withDefault(false)
  )
}, play).pipe(
  Command.withShortDescription("Shows what a chain of providers does while its cloud fails"),
  Command.withDescription(paragraph(
    "Starts a simulated OpenAI, Anthropic and Ollama on this machine, makes the clouds fail in",
    "nine acts (overload, resets, slowness, spent quota, cut streams and tool calls, a hand-over",
    "after a tool has run, gone for good), and asks the same questions through Holdfast, which",
    "asks all three, and through plain fetch, which asks OpenAI alone.",
    "",
    "Needs no key and no network, and takes about a quarter of a minute. Colours and live lines",
    "appear on a terminal only; NO_COLOR switches colours off.",
    "",
    "Exit codes: 0 every question was answered whole, 1 one was not, 2 wrong usage,",
    "130 or 143 interrupted."
  )),
  Command.withExamples([
    { command: "holdfast demo", description: "Play the demo" },
    { command: "holdfast demo --seed 7", description: "Play it with other faults, repeatably" },
    {
      command: "holdfast demo --json | jq -r 'select(._tag == \"AttemptEnded\").because'",
      description: "Read the record"
    }
  ])
)
