/**
 * The same outage through LiteLLM's Router and through a chain of Holdfast's: `npx node examples/outage/compare.ts`. Sets LiteLLM up in
 * a Python environment of its own, once. Needs Python 3.10 or later, the package registry and two minutes.
 *
 * Both are asked twice: as each is by default, and with one cool-down for both.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Ended } from "./holdfast.ts"
import { answer, open, phases, type Servers } from "./servers.ts"

const litellm = "litellm==1.108.7"
const phaseMillis = 2500
const every = 250
const questions = Math.floor(phases.length * phaseMillis / every)

const folder = join(import.meta.dirname, "../../node_modules/.cache/outage")
const python = join(folder, "env/bin/python")

/** Runs a program to its end. `onReady` is called when it says that it is ready; then it is told to begin. */
const run = (program: string, args: ReadonlyArray<string>, onReady?: () => void): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["pipe", "pipe", "inherit"],
      // LiteLLM looks for newer prices on the network otherwise.
      env: { ...process.env, NO_COLOR: "1", LITELLM_LOCAL_MODEL_COST_MAP: "True" }
    })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (output === "" && text.startsWith("ready")) {
        onReady?.()
        child.stdin.end("begin\n")
      }
      output += text
    })
    child.on("error", reject)
    child.on("close", (code) => code === 0 ? resolve(output) : reject(new Error(`${program} ended with ${code}`)))
  })

/** What became of the questions, and what both servers saw. */
interface Outcome {
  readonly name: string
  readonly ended: ReadonlyArray<Ended>
  readonly bill: ReturnType<Servers["bill"]>
}

/** `cooldown` is in seconds, for both; without it each has its defaults. */
const play = async (
  name: string,
  servers: Servers,
  program: string,
  file: string,
  cooldown?: number
): Promise<Outcome> => {
  const args = [
    servers.first,
    servers.second,
    String(questions),
    String(every),
    ...(cooldown ? [String(cooldown)] : [])
  ]
  const output = await run(
    program,
    [join(import.meta.dirname, file), ...args],
    () => servers.begin(phaseMillis)
  )
  const printed = JSON.parse(output.trim().split("\n").at(-1) ?? "[]") as ReadonlyArray<
    Omit<Ended, "error"> & { readonly error?: string | null }
  >
  // An absent value of Python's is null.
  const ended = printed.map(({ error, millis, text }): Ended => ({ text, millis, error: error ?? undefined }))
  return { name, ended, bill: servers.bill() }
}

const quantile = (values: ReadonlyArray<number>, q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0

const figures = ({ bill, ended }: Outcome): Readonly<Record<string, string>> => {
  const whole = ended.filter(({ error, text }) => error === undefined && text === answer)
  const wrong = ended.filter(({ error, text }) => error === undefined && text !== answer)
  const failed = ended.filter(({ error }) => error !== undefined)
  const dollars = bill.first.dollars + bill.second.dollars
  const millis = ended.map((one) => one.millis)
  return {
    "answers whole": `${whole.length} of ${ended.length}`,
    "taken for whole, but not": `${wrong.length}`,
    "ended in an error": `${failed.length}`,
    "of these with a part seen": `${failed.filter(({ text }) => text !== "").length}`,
    "by": Object.entries(Object.groupBy(failed, ({ error }) => error ?? "")).map(([name, all]) =>
      `${all?.length ?? 0} ${name}`
    ).join(", "),
    "requests sent": `${bill.first.requests + bill.second.requests}`,
    "to the failing server": `${bill.first.requests}`,
    "time, median": `${Math.round(quantile(millis, 0.5))} ms`,
    "time, 95 %": `${Math.round(quantile(millis, 0.95))} ms`,
    "time, longest": `${Math.round(quantile(millis, 1))} ms`,
    "billed by both": `$${dollars.toFixed(5)}`,
    "per whole answer": `$${(dollars / Math.max(1, whole.length)).toFixed(6)}`
  }
}

if (!existsSync(python)) {
  mkdirSync(folder, { recursive: true })
  process.stdout.write(`Set up ${litellm} ...\n`)
  await run("python3", ["-m", "venv", join(folder, "env")])
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", litellm])
}
const servers = await open()
process.stdout.write(
  `${questions} questions, one every ${every} ms, through ${phases.length} phases of ${phaseMillis} ms\n\n`
)
const outcomes = [
  await play("LiteLLM Router", servers, python, "litellm_router.py"),
  await play("Holdfast", servers, process.execPath, "holdfast.ts"),
  await play("LiteLLM Router, equal", servers, python, "litellm_router.py", 5),
  await play("Holdfast, equal", servers, process.execPath, "holdfast.ts", 5)
]
await servers.close()
const columns = outcomes.map(figures)
process.stdout.write(`| | ${outcomes.map(({ name }) => name).join(" | ")} |\n| --- | --- | --- | --- | --- |\n`)
for (const name of Object.keys(columns[0] ?? {})) {
  process.stdout.write(`| ${name} | ${columns.map((column) => column[name] ?? "").join(" | ")} |\n`)
}
