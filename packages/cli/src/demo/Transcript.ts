/**
 * Turns the events of a demo, one after the other, into the lines of its transcript.
 *
 * ```ts
 * const [next, lines] = Transcript.step(state, event, plain)
 * ```
 */
import type { Style } from "../terminal/style.ts"
import type { ActEnded, AskEnded, DemoEvent, Step } from "./DemoEvent.ts"
import * as Screen from "./Screen.ts"

/** What later lines need of earlier events. */
export interface State {
  /** What happened on the way to the answer of the question that is being asked. */
  readonly way: ReadonlyArray<Step>
  readonly asks: ReadonlyArray<AskEnded>
  readonly acts: ReadonlyArray<ActEnded>
}

export const initial: State = { way: [], asks: [], acts: [] }

/** The state after the event, and the lines that the event adds to the transcript. */
export const step = (
  state: State,
  event: DemoEvent,
  style: Style,
  program: Screen.Program = "holdfast"
): readonly [State, ReadonlyArray<string>] => {
  switch (event._tag) {
    case "DemoStarted":
      return [state, Screen.header(event, style)]
    case "ActStarted":
      return [state, Screen.actTitle(event, style)]
    case "AskStarted":
      return [{ ...state, way: [] }, []]
    case "AttemptEnded":
    case "ProviderSkipped":
    case "ToolRan":
    case "AskedAgain":
      return [{ ...state, way: [...state.way, event] }, []]
    case "AskEnded":
      return [
        { ...state, asks: [...state.asks, event] },
        event.client === "holdfast" ? Screen.answer(event, state.way, style) : []
      ]
    case "ActEnded":
      return [
        { ...state, acts: [...state.acts, event] },
        Screen.compared(event, state.asks.filter((ask) => ask.client === "fetch" && ask.act === event.act), style)
      ]
    case "DemoEnded":
      return [state, [
        "",
        ...Screen.table(state.acts, event, style),
        "",
        ...Screen.chart(state.asks, style),
        "",
        ...Screen.ending(event, style, program)
      ]]
  }
}
