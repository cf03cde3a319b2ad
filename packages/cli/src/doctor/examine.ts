/** Looks at the settings and at the providers that they name, and says who would answer a question. */
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as ChainFile from "../check/ChainFile.ts"
import { inOneLine } from "../terminal/paragraph.ts"
import { screen } from "../terminal/style.ts"
import * as Diagnosis from "./Diagnosis.ts"
import * as DoctorScreen from "./DoctorScreen.ts"

/** No provider would answer. The report has said why; the process exits with 1, or with 2 where none is configured. */
export class NoProviderAnswers extends Data.TaggedError("NoProviderAnswers")<{ readonly exitCode: 1 | 2 }> {
  override readonly [Runtime.errorExitCode] = this.exitCode
  override readonly [Runtime.errorReported] = false
}

/** The settings cannot be used at all; `message` is the line for stderr. */
export class SettingsRefused extends Data.TaggedError("SettingsRefused")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 2
}

export const examine = Effect.fnUntraced(function*(input: {
  readonly json: boolean
  readonly timeout: number
  readonly config: Option.Option<string>
}) {
  if (!(input.timeout > 0)) {
    return yield* new SettingsRefused({
      message: `--timeout must be a number of seconds above zero, got ${input.timeout}`
    })
  }
  const own = yield* screen
  const animate = own.animate && !input.json
  const open = new Set<string>()
  const file = yield* ChainFile.read(input.config)
  const diagnosis = yield* Diagnosis.diagnose({
    timeout: Duration.seconds(input.timeout),
    onProgress: ({ ended, what }) => {
      if (ended) open.delete(what)
      else open.add(what)
      if (animate) own.redraw(open.size === 0 ? "" : DoctorScreen.waiting(open, own))
    }
  }).pipe(
    Effect.provide(LlmConfig.layer(file)),
    Effect.catchTag(
      "ConfigError",
      ({ cause }) => Effect.fail(new SettingsRefused({ message: inOneLine(cause.message) }))
    )
  )
  yield* input.json
    ? own.write(`${JSON.stringify(diagnosis)}\n`)
    : own.print(DoctorScreen.report(diagnosis, own))
  const exitCode = Diagnosis.exitCodeOf(diagnosis)
  if (exitCode !== 0) return yield* new NoProviderAnswers({ exitCode })
})
