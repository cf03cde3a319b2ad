/** What the program does when its output goes nowhere: it ends well when its reader has left, and reports a full disk in a line. */
import { assert, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../../src/bin.ts", import.meta.url))

/** Runs the program with its output sent elsewhere by a shell. The code is that of the program. */
const shell = (args: string, to: string) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-"))
  const policy = join(folder, "policy.yaml")
  writeFileSync(policy, "retry: { times: 3 }\n")
  const line = `"$0" "$1" ${args.replace("policy.yaml", policy)} ${to}`
  const { status, stderr } = spawnSync("bash", ["-o", "pipefail", "-c", line, process.execPath, bin], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  rmSync(folder, { recursive: true })
  return { status, stderr }
}

const commands = ["--help", "check policy.yaml"]

it.each(commands)("holdfast %s ends well when its reader has left", (args) => {
  assert.deepStrictEqual(shell(args, "| true"), { status: 0, stderr: "" })
  assert.deepStrictEqual(shell(args, ">&-"), { status: 0, stderr: "" })
}, 60_000)

// A disk that is always full, on Linux.
it.each(existsSync("/dev/full") ? commands : [])("holdfast %s says in a line that the disk is full", (args) => {
  const { status, stderr } = shell(args, ">/dev/full")
  assert.strictEqual(status, 1)
  assert.match(stderr, /^holdfast: stdout cannot be written: ENOSPC[^\n]*\n$/u)
}, 60_000)
