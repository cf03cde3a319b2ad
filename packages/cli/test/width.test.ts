/** No line is wider than the terminal, whatever its width: help, results and the lines that are drawn over. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { displayWidth } from "effect/cli/CliOutput"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as DoctorScreen from "../src/doctor/DoctorScreen.ts"
import * as Holdfast from "../src/Holdfast.ts"
import * as SimulationScreen from "../src/simulate/SimulationScreen.ts"
import { clearLine, coloured, plain, Progress } from "../src/terminal/style.ts"

const folder = mkdtempSync(join(tmpdir(), "holdfast-width-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const policy = file(
  "p.yaml",
  "retry: { times: 3, budget: { ratio: 0.1 } }\nbulkhead: { limit: 64, queue: 128 }\ncircuitBreaker: { openFor: 30 }\n"
)
const invalid = file("invalid.yaml", "retry: { time: 3, times: -1 }\nbulkhead: { limit: many }\n")
const system = file(
  "s.yaml",
  `duration: 20 seconds
services: { database: { workers: 10, latency: { exponential: 50 millis } } }
callers: { users: { to: database, rate: 40, policy: { retry: { times: 2 }, attemptTimeout: 1 second } } }
events: [{ type: brownOut, service: database, at: 5 seconds, for: 5 seconds, errors: 1 }]
`
)
const other = file(
  "o.yaml",
  "services: { a: { latency: 1 } }\ncallers: { u: { to: a, rate: 5 } }\nduration: 9 seconds\n"
)

const commands: ReadonlyArray<ReadonlyArray<string>> = [
  ["--help"],
  ...["demo", "doctor", "chat", "check", "simulate", "usage"].map((name) => [name, "--help"]),
  ["check", policy],
  ["check", invalid],
  ["check", "--as", "http", policy],
  ["simulate", policy, "--minutes", "3", "--down-from", "1", "--down-to", "2", "--calls", "5"],
  ["simulate", system],
  ["simulate", system, "--compare", other],
  ["simulate", system, "--find-limit", "--expect", "success >= 1 %"]
]

const run = (args: ReadonlyArray<string>, columns: number) =>
  Effect.suspend(() => {
    let shown = ""
    const drawn: Array<string> = []
    const write = (text: string) => Effect.sync(() => void (shown += text))
    const terminal = Terminal.make({
      columns: Effect.succeed(columns),
      rows: Effect.succeed(24),
      size: Effect.never,
      readInput: Effect.never,
      readLine: Effect.never,
      display: write
    })
    const screen = {
      ...globalThis.console,
      log: (...texts: ReadonlyArray<unknown>) => void (shown += `${texts.join(" ")}\n`),
      error: () => {}
    }
    return Holdfast.run("0.0.0").pipe(
      Effect.exit,
      Effect.provideService(Console.Console, screen),
      Effect.provideService(Progress, (text) => void drawn.push(text)),
      Effect.provide([
        NodeServices.layer,
        Stdio.layerTest({ args: Effect.succeed(args) }),
        Layer.succeed(Terminal.Terminal, terminal)
      ]),
      Effect.map(() => ({ lines: shown.split("\n"), drawn: drawn.map((text) => text.replace(clearLine, "")) }))
    )
  })

/** Names of files are as long as they are, and a word is not broken. */
const words = (line: string) => line.replaceAll(folder, "").trimStart()

describe.each([40, 60, 80, 120])("a terminal of %d columns", (columns) => {
  it.effect.each(commands.map((command) => [command.join(" ").replaceAll(`${folder}/`, ""), command] as const))(
    "holds every line of holdfast %s",
    ([, command]) =>
      Effect.gen(function*() {
        const { drawn, lines } = yield* run(command, columns)
        assert.isAbove(lines.filter((line) => line !== "").length, 2)
        const tooWide = lines.filter((line) => displayWidth(words(line)) > columns)
        assert.deepStrictEqual(tooWide, [])
        assert.deepStrictEqual(drawn.filter((line) => displayWidth(line) >= columns), [])
      }),
    20_000
  )

  it.each([plain, coloured])("holds the lines that are drawn over, %#", (style) => {
    const screen = { style, width: columns }
    const lines = [
      SimulationScreen.progress("policies/of/the/stock/service.yaml", 0.5, "minute 1,439 of 1,440", screen),
      SimulationScreen.progress("p.yaml", 1.2, "", screen),
      DoctorScreen.waiting(new Set(["ollama"]), screen),
      DoctorScreen.waiting(new Set(Array.from({ length: 20 }, (_, i) => `provider-${i}`)), screen)
    ]
    for (const line of lines) assert.isBelow(displayWidth(line), columns + (line.endsWith(" ") ? 1 : 0))
  })
})
