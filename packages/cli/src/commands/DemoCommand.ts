/**
 * `holdfast demo`: plays the demo and draws it, live on a terminal, in plain lines anywhere else, as JSON when asked to.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { paragraph } from "../terminal/paragraph.ts"

export const command = Command.make("demo", {
  seed: Flag.Int("seed").pipe(
    Flag.withDescription("Draws the faults; a seed repeats a run. Default: 78"),
    Flag.withDefault(78)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints the events as lines of JSON"),
    Flag.withDefault(false)
  )
}, (input) => Effect.flatMap(Effect.promise(() => import("../demo/play.ts")), ({ play }) => play(input))).pipe(
  Command.withShortDescription("Shows what a chain of providers does while its cloud fails"),
  Command.withDescription(paragraph(
    "Starts a simulated OpenAI, Anthropic and Ollama on this machine, makes the",
    "clouds fail in ten acts (overload, resets, slowness, spent quota, one of two",
    "keys at its limit, cut streams and tool calls, a hand-over after a tool has",
    "run, gone for good), and asks the same questions twice: through Holdfast,",
    "which asks all three, and through plain fetch, which asks OpenAI alone.",
    "",
    "Needs no key and no network, and takes about 15 seconds. Colours and live",
    "lines appear on a terminal only; NO_COLOR switches colours off.",
    "",
    "Exit codes: 0 Holdfast answered every question whole, 1 it did not,",
    "2 wrong usage, 130 or 143 interrupted."
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
