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
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Runtime from "effect/Runtime"
import * as ChatCommand from "./commands/ChatCommand.ts"
import * as CheckCommand from "./commands/CheckCommand.ts"
import * as DemoCommand from "./commands/DemoCommand.ts"
import * as DoctorCommand from "./commands/DoctorCommand.ts"
import * as SimulateCommand from "./commands/SimulateCommand.ts"
import { paragraph } from "./terminal/paragraph.ts"

export const command = Command.make("holdfast").pipe(
  Command.withDescription(paragraph(
    "Calls that survive timeouts, dropped connections, rate limits and outages, for Effect.",
    "",
    "Start with `holdfast demo`: it needs no key and no network.",
    "",
    "Exit codes: 0 done, 1 it did not work, 2 wrong usage or configuration, 130 or 143 interrupted."
  )),
  Command.withSubcommands([
    DemoCommand.command,
    DoctorCommand.command,
    ChatCommand.command,
    CheckCommand.command,
    SimulateCommand.command
  ]),
  Command.withExamples([
    { command: "holdfast demo", description: "See a chain of providers at work while its cloud fails" },
    { command: "holdfast doctor", description: "See who would answer you, and why not the others" },
    { command: "holdfast chat \"Why is the sky blue?\"", description: "Ask your own providers, Ollama last" },
    { command: "holdfast check policy.yaml", description: "Read what a policy means" },
    { command: "holdfast simulate policy.yaml", description: "See what it does in an outage" },
    { command: "holdfast chat --help", description: "Read which environment variables say who is asked" }
  ])
)

/** Says what is wrong in one line on stderr, and keeps help for those who ask for it. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
        `holdfast: ${event.errors.map((error) => error.message.split("\n", 1)[0]).join("; ")} ` +
          `(see ${event.commandPath.join(" ")} --help)`
      )
      : CliOutput.defaultPresenter.present(event)
}

/** Flags that every command has. Logs are for those who ask for them, and go to stderr. */
const settings = Layer.mergeAll(
  CliOutput.layerPresenter(presenter),
  CliConfig.layer({
    builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel]
  }),
  Layer.succeed(References.MinimumLogLevel, "None"),
  Layer.succeed(Logger.LogToStderr, true)
)

/** Runs the program with the arguments of `Stdio`. */
export const run = (version: string) =>
  Command.run(command, { version }).pipe(
    Effect.mapError((error) =>
      CliError.isCliError(error) && error._tag === "ShowHelp" && error.errors.length > 0
        ? Object.assign(error, { [Runtime.errorExitCode]: 2 })
        : error
    ),
    Effect.tapCause((cause) => {
      const error = Cause.squash(cause)
      return Cause.hasInterruptsOnly(cause) || !Runtime.getErrorReported(error)
        ? Effect.void
        : Console.error(`holdfast: ${Predicate.isError(error) ? error.message : String(error)}`)
    }),
    Effect.provide(settings)
  )
