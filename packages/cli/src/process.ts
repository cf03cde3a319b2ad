/**
 * The process around the program: what only a process has (signals, exit codes, a broken pipe) is here and nowhere else.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Holdfast from "./Holdfast.ts"
import { Interruption } from "./terminal/Interruption.ts"
import { Progress } from "./terminal/style.ts"

// The exit code of an interrupted program says by which signal, as a shell does: 128 and the signal's number.
let terminated = false
process.once("SIGTERM", () => {
  terminated = true
})

// `holdfast demo | head` closes the pipe early. Then there is no reader left, and nothing to report. A full disk is reported
// on the other stream: the program may have written without waiting for the result.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0)
    if (stream === process.stdout) process.stderr.write(`holdfast: stdout cannot be written: ${error.message}\n`)
    process.exit(1)
  })
}

// Ctrl-C ends what is guarded against it, if anything is, and the program otherwise.
const guarded = Context.get(Context.empty(), Interruption)
const runMain = Runtime.makeRunMain(({ fiber, teardown }) => {
  let signalled = false
  const interrupt = () => {
    signalled = true
    fiber.interruptUnsafe(fiber.id)
  }
  const onSigint = () => guarded.end === undefined ? interrupt() : guarded.end()
  process.on("SIGINT", onSigint)
  process.on("SIGTERM", interrupt)
  fiber.addObserver((exit) => {
    process.off("SIGINT", onSigint)
    process.off("SIGTERM", interrupt)
    teardown(exit, (code) => {
      if (signalled || code !== 0) process.exit(code)
    })
  })
})

/** Runs the program with the arguments of this process, and ends the process with its exit code. */
export const main = (version: string): void =>
  Holdfast.run(version).pipe(
    Effect.provideService(Progress, (text) => {
      if (process.stderr.isTTY) process.stderr.write(text)
    }),
    Effect.provide(TerminalCapabilities.layer.pipe(Layer.provideMerge(NodeServices.layer))),
    (program) =>
      runMain(program, {
        disableErrorReporting: true,
        teardown: (exit, onExit) =>
          Runtime.defaultTeardown(exit, (code) => onExit(code === 130 && terminated ? 143 : code))
      })
  )
