/**
 * `holdfast doctor`: looks at the settings and at the providers that they name, and says who would answer a question.
 */
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Terminal from "effect/Terminal"
import * as Screen from "../demo/Screen.ts"
import * as Diagnosis from "../doctor/Diagnosis.ts"
import * as DoctorScreen from "../doctor/DoctorScreen.ts"
import * as FailureWords from "../terminal/FailureWords.ts"
import { paragraph } from "../terminal/paragraph.ts"
import * as ConfigFlag from "./ConfigFlag.ts"

/** Nobody would answer. The report has said why; the process exits with 1, or with 2 when nobody is configured. */
export class NobodyAnswers extends Data.TaggedError("NobodyAnswers")<{ readonly exitCode: 1 | 2 }> {
  override readonly [Runtime.errorExitCode] = this.exitCode
  override readonly [Runtime.errorReported] = false
}

/** The settings cannot be used at all; `message` is the line for stderr. */
export class SettingsRefused extends Data.TaggedError("SettingsRefused")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 2
}

const clearLine = "\r\u001b[2K"

const examine = Effect.fnUntraced(function*(input: {
  readonly json: boolean
  readonly timeout: number
  readonly config: Option.Option<string>
}) {
  if (!(input.timeout > 0)) {
    return yield* new SettingsRefused({
      message: `--timeout must be a number of seconds above zero, got ${input.timeout}`
    })
  }
  const terminal = yield* Terminal.Terminal
  const can = yield* TerminalCapabilities.TerminalCapabilities
  const style = can.canColor ? Screen.coloured : Screen.plain
  const animate = can.canAnimate && !input.json
  const runFork = Effect.runForkWith(yield* Effect.context())
  const open = new Set<string>()
  const file = yield* ConfigFlag.read(input.config)
  const diagnosis = yield* Diagnosis.diagnose({
    timeout: Duration.seconds(input.timeout),
    onProgress: ({ ended, what }) => {
      if (ended) open.delete(what)
      else open.add(what)
      if (animate) {
        runFork(terminal.display(clearLine + (open.size === 0 ? "" : DoctorScreen.waiting(open, style))))
      }
    }
  }).pipe(
    Effect.provide(LlmConfig.layer(file)),
    Effect.catchTag(
      "ConfigError",
      ({ cause }) => Effect.fail(new SettingsRefused({ message: FailureWords.firstLine(cause.message) }))
    )
  )
  yield* terminal.display(
    input.json
      ? `${JSON.stringify(diagnosis)}\n`
      : DoctorScreen.report(diagnosis, style).map((line) => `${line.trimEnd()}\n`).join("")
  )
  if (!diagnosis.usable) {
    const configured = diagnosis.refused === undefined && diagnosis.providers.some(({ chosen }) => chosen)
    return yield* new NobodyAnswers({ exitCode: configured ? 1 : 2 })
  }
})

export const command = Command.make("doctor", {
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints the diagnosis as one JSON document"),
    Flag.withDefault(false)
  ),
  config: ConfigFlag.flag,
  timeout: Flag.Finite("timeout").pipe(
    Flag.withDescription("How many seconds one check may take. Defaults to 5"),
    Flag.withDefault(5)
  )
}, examine).pipe(
  Command.withShortDescription("Says who would answer a question, and why not the others"),
  Command.withDescription(paragraph(
    "Reads the environment as `holdfast chat` does, and asks every provider that it names whether",
    "it would answer: is it there, how fast, does it take the key, does it have the model, what",
    "can the model do. Costs no tokens. All are asked at the same time.",
    "",
    "Shows which provider is asked first, which ones after it, and of the others why they are left",
    "out and what to set. A key is never shown, no part of it: it is `set`, `blank` or `not set`.",
    "",
    "Exit codes: 0 somebody would answer, 1 nobody of those that are configured would,",
    "2 nobody is configured, or wrongly, 130 or 143 interrupted."
  )),
  Command.withExamples([
    { command: "holdfast doctor", description: "Look at everything" },
    { command: "holdfast doctor --timeout 2", description: "Do not wait longer than that for anybody" },
    { command: "holdfast doctor --json | jq -r '.order[]'", description: "Who would answer, for a script" }
  ])
)
