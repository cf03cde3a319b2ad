/**
 * What every command draws with: colours, the width of the screen, and how numbers read.
 *
 * `plain` puts no escape into any line, for files, pipes and `NO_COLOR`; `coloured` does.
 */
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Terminal from "effect/Terminal"
import { styleText } from "node:util"
import { fitted } from "./paragraph.ts"

/** What a piece of text is, for a style to show. */
type Role = "title" | "good" | "bad" | "warning" | "quiet" | "strong"

/** Paints text by its role. */
export interface Style {
  readonly colour: boolean
  readonly paint: (role: Role, text: string) => string
}

/** No escapes. */
export const plain: Style = { colour: false, paint: (_, text) => text }

const formats = {
  title: ["bold", "cyan"],
  good: "green",
  bad: "red",
  warning: "yellow",
  quiet: "dim",
  strong: "bold"
} as const

/** Colours, without asking the environment again. */
export const coloured: Style = {
  colour: true,
  paint: (role, text) => styleText(formats[role] as Parameters<typeof styleText>[0], text, { validateStream: false })
}

/** The screen that a command draws on. */
export interface Screen {
  readonly style: Style
  /** Columns that a line may take: those of the terminal, from 40 to 120. Files and pipes take lines of any length. */
  readonly width: number
  /** Whether lines may be drawn over. */
  readonly animate: boolean
  /** Prints lines, each with its line break. A line that is too wide is broken between words. */
  readonly print: (lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** Prints text as it is. */
  readonly write: (text: string) => Effect.Effect<void>
  /** Draws over the last line. The empty text clears it. */
  readonly redraw: (text: string) => void
  /** Draws how far long work is, over what it drew before. The empty text takes it away. */
  readonly progress: (text: string) => void
}

/**
 * Writes progress: to the terminal behind stderr, so that it shows while results go to a file or a pipe. Default: nowhere.
 */
export const Progress: Context.Reference<((text: string) => void) | undefined> = Context.Reference(
  "@holdfast/cli/Progress",
  { defaultValue: (): ((text: string) => void) | undefined => undefined }
)

/** Takes the last line away. */
export const clearLine = "\r\u001b[2K"

/** The screen of this process. */
export const screen = Effect.gen(function*() {
  const terminal = yield* Terminal.Terminal
  const can = yield* TerminalCapabilities.TerminalCapabilities
  const runFork = Effect.runForkWith(yield* Effect.context())
  const columns = yield* terminal.columns
  const progress = yield* Progress
  const display = (text: string) => Effect.orDie(terminal.display(text))
  const width = columns === 0 ? Infinity : Math.min(120, Math.max(40, columns))
  const self: Screen = {
    width,
    style: can.canColor ? coloured : plain,
    animate: can.canAnimate,
    print: (lines) => display(fitted(lines, width).map((line) => `${line}\n`).join("")),
    write: display,
    redraw: (text) => {
      runFork(display(clearLine + text))
    },
    progress: (text) => progress?.(clearLine + text)
  }
  return self
})

/** A time as a person reads it. */
export const seconds = (millis: number): string => `${(millis / 1000).toFixed(millis < 9995 ? 2 : 1)} s`
