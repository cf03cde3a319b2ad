#!/usr/bin/env node
/** Starts the program. `--version` is answered without loading it; the rest loads what it needs when it is asked for. */
import { readFileSync } from "node:fs"
// As a namespace: an older Node lacks `enableCompileCache`, and would fail to link a named import before it can say so.
import * as nodeModule from "node:module"

const { engines, version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  readonly engines: { readonly node: string }
  readonly version: string
}
const needed = engines.node.replace(">=", "")
const isOlder = (one: string, other: string): boolean => {
  const [major = 0, minor = 0] = one.split(".").map(Number)
  const [least = 0, leastMinor = 0] = other.split(".").map(Number)
  return major < least || (major === least && minor < leastMinor)
}

if (process.argv.length === 3 && process.argv[2] === "--version") {
  process.stdout.write(`holdfast v${version}\n`)
} else if (isOlder(process.versions.node, needed)) {
  process.stderr.write(`holdfast: needs Node ${needed} or later, and this is ${process.versions.node}\n`)
  process.exitCode = 2
} else {
  nodeModule.enableCompileCache()
  const { main } = await import("./process.ts")
  main(version)
}
