/**
 * The program `holdfast`: its command tree, how it reports wrong usage, and how a run ends.
 *
 * Errors are for people: one line on stderr that says what is wrong and what to do, never a stack trace. Exit codes are
 * for scripts: 0 done, 1 it did not work, 2 it was called or configured wrongly, 130 and 143 interrupted.
 */
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import type * as HelpDoc from "effect/cli/HelpDoc"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Runtime from "effect/Runtime"
import * as Terminal from "effect/Terminal"
import * as ChatCommand from "./commands/ChatCommand.ts"
import * as CheckCommand from "./commands/CheckCommand.ts"
import * as DemoCommand from "./commands/DemoCommand.ts"
import * as DoctorCommand from "./commands/DoctorCommand.ts"
import * as SimulateCommand from "./commands/SimulateCommand.ts"
import * as UsageCommand from "./commands/UsageCommand.ts"
import { fitted, inOneLine, paragraph, wrapped } from "./terminal/paragraph.ts"

const command = Command.make("holdfast").pipe(
  Command.withDescription(paragraph(
    "Policies for Effect programs: calls survive timeouts, dropped connections,",
    "rate limits and outages.",
    "",
    "Start with `holdfast demo`. It needs no key and no network.",
    "",
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 or 143",
    "interrupted."
  )),
  Command.withSubcommands([
    DemoCommand.command,
    DoctorCommand.command,
    ChatCommand.command,
    CheckCommand.command,
    SimulateCommand.command,
    UsageCommand.command
  ]),
  Command.withExamples([
    { command: "holdfast demo", description: "See a chain of providers at work while its cloud fails" },
    { command: "holdfast doctor", description: "See which provider would answer, and why not the others" },
    { command: "holdfast chat \"Why is the sky blue?\"", description: "Ask your own providers, Ollama last" },
    { command: "holdfast check policy.yaml", description: "Read what a policy means" },
    { command: "holdfast simulate policy.yaml", description: "See what it does in an outage" },
    { command: "holdfast usage usage.db", description: "See what was spent" },
    { command: "holdfast chat --help", description: "Read which environment variables choose the providers" }
  ])
)

/** A message in one line. Effect writes "Did you mean this?" and the name below it. */
const meant = (message: string): string => inOneLine(message).replace(" Did you mean", ". Did you mean")

/** The lines of each paragraph are one for a terminal that is narrower than them. */
const inParagraphs = (text: string): string => text.split("\n\n").map(inOneLine).join("\n\n  ")

/** Help for the width of a terminal: descriptions go on below where they began. */
const help = ({ globalFlags = [], ...given }: HelpDoc.HelpDoc, colors: boolean, width: number): string => {
  const doc = width < 80 ? { ...given, description: inParagraphs(given.description) } : given
  const formatted = CliOutput.defaultFormatter({ colors }).formatHelpDoc({
    ...doc,
    // Their choices are in their descriptions.
    globalFlags: globalFlags.map((flag) => flag.type.includes("|") ? { ...flag, type: "choice" } : flag)
  })
  return formatted.split("\n").flatMap((line) => {
    const [, left, right] = /^(\s+\S.*?\s{2,})(\S.*)$/u.exec(line) ?? []
    return left === undefined || right === undefined ? fitted([line], width) : wrapped(right, width, left)
  }).join("\n")
}

/** Reports wrong usage in one line on stderr, and keeps help for those who ask for it. */
const presenter = (terminal: Terminal.Terminal): CliOutput.Presenter => ({
  present: (event) => {
    switch (event._tag) {
      case "InvalidInvocation":
        return Console.error(
          `holdfast: ${event.errors.map(({ message }) => meant(message)).join("; ")} ` +
            `(see ${event.commandPath.join(" ")} --help)`
        )
      case "Help":
        return Effect.gen(function*() {
          const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
          const columns = yield* terminal.columns
          yield* Console.log(help(event.helpDoc, canColor, columns === 0 ? 80 : Math.min(80, Math.max(40, columns))))
        })
      case "Version":
        return CliOutput.defaultPresenter.present(event)
    }
  }
})

/** Flags that every command has. Logs are for those who ask for them, and go to stderr. */
const settings = Layer.mergeAll(
  Layer.unwrap(Effect.map(Terminal.Terminal, (terminal) => CliOutput.layerPresenter(presenter(terminal)))),
  CliConfig.layer({
    builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel]
  }),
  Layer.succeed(References.MinimumLogLevel, "None"),
  Layer.succeed(Logger.LogToStderr, true)
)

const isBrokenPipe = (cause: Cause.Cause<unknown>): boolean => {
  const error = Cause.squash(cause)
  const origin = Predicate.hasProperty(error, "reason") && Predicate.hasProperty(error.reason, "cause")
    ? error.reason.cause
    : error
  return Predicate.hasProperty(origin, "code") && origin.code === "EPIPE"
}

/** The message of an error. The system's own reason, such as a full disk, is in the cause of a `PlatformError`. */
const words = (error: unknown): string => {
  if (!Predicate.isError(error)) return String(error)
  if (error instanceof PlatformError && error.reason.module === "Terminal" && Predicate.isError(error.reason.cause)) {
    return `stdout cannot be written: ${error.reason.cause.message}`
  }
  return error instanceof PlatformError && Predicate.isError(error.reason.cause)
    ? `${error.message}: ${error.reason.cause.message}`
    : error.message
}

/** Runs the program with the arguments of `Stdio`. */
export const run = (version: string) =>
  Command.run(command, { version }).pipe(
    Effect.mapError((error) =>
      CliError.isCliError(error) && error._tag === "ShowHelp" && error.errors.length > 0
        ? Object.assign(error, { [Runtime.errorExitCode]: 2 })
        : error
    ),
    // The reader of a pipe has left: the work is done as far as anyone looks.
    Effect.catchCauseIf(isBrokenPipe, () => Effect.void),
    Effect.tapCause((cause) => {
      const error = Cause.squash(cause)
      return Cause.hasInterruptsOnly(cause) || !Runtime.getErrorReported(error)
        ? Effect.void
        : Console.error(`holdfast: ${words(error)}`)
    }),
    Effect.provide(settings)
  )
