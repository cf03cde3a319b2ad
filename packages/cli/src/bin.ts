#!/usr/bin/env node
/**
 * The process around the program: what only a process has (signals, exit codes, a broken pipe) is here and nowhere else.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import { readFileSync } from "node:fs"
import * as Holdfast from "./Holdfast.ts"

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }

// The exit code of an interrupted program says by which signal, as a shell does: 128 and the signal's number.
let terminated = false
process.once("SIGTERM", () => {
  terminated = true
})

// `holdfast demo | head` closes the pipe early. There is nobody left to write to, and nothing to complain about.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") {
    process.exit(0)
  }
  throw error
})

Holdfast.run(manifest.version).pipe(
  Effect.provide(TerminalCapabilities.layer.pipe(Layer.provideMerge(NodeServices.layer))),
  (program) =>
    NodeRuntime.runMain(program, {
      disableErrorReporting: true,
      teardown: (exit, onExit) =>
        Runtime.defaultTeardown(exit, (code) => onExit(code === 130 && terminated ? 143 : code))
    })
)
