#!/usr/bin/env node
/** Starts the program. `--version` is answered without loading it; the rest loads what it needs when it is asked for. */
import { readFileSync } from "node:fs"
import { enableCompileCache } from "node:module"

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }

if (process.argv.length === 3 && process.argv[2] === "--version") {
  process.stdout.write(`holdfast v${version}\n`)
} else {
  enableCompileCache()
  const { main } = await import("./process.ts")
  main(version)
}
