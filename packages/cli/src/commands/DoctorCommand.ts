/**
 * `holdfast doctor`: looks at the settings and at the providers that they name, and says who would answer a question.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { paragraph } from "../terminal/paragraph.ts"
import * as ConfigFlag from "./ConfigFlag.ts"

export const command = Command.make("doctor", {
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints one JSON document"),
    Flag.withDefault(false)
  ),
  config: ConfigFlag.flag,
  timeout: Flag.Finite("timeout").pipe(
    Flag.withDescription("Seconds that one check may take. Default: 5"),
    Flag.withDefault(5)
  )
}, (input) => Effect.flatMap(Effect.promise(() => import("../doctor/examine.ts")), ({ examine }) => examine(input)))
  .pipe(
    Command.withShortDescription("Tells which provider would answer, and why not the others"),
    Command.withDescription(paragraph(
      "Reads the environment as `holdfast chat` does, and checks every provider it",
      "names at the same time: is it there, how fast, does it accept the key, does",
      "it have the model, what can the model do. Costs no tokens. Connects to the",
      "store of a fleet, if LLM_STORE_URL or the file names one, and tries it.",
      "",
      "Shows the order in which providers are asked, and for the others why they",
      "are left out and what to set. A key is never shown, not even a part of it:",
      "it is `set`, `blank` or `not set`.",
      "",
      "Exit codes: 0 a provider would answer, 1 no configured provider would,",
      "2 none is configured, or the settings are invalid, 130 or 143 interrupted."
    )),
    Command.withExamples([
      { command: "holdfast doctor", description: "Look at everything" },
      { command: "holdfast doctor --timeout 2", description: "Wait two seconds at most for each" },
      { command: "holdfast doctor --json | jq -r '.order[]'", description: "Who would answer, for a script" }
    ])
  )
