/** Runs the program as a person does: as a process of its own, from its source. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { createConnection } from "node:net"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../../src/bin.ts", import.meta.url))

/** What a shell of its own would hand over: a path, and nothing that names a provider or a colour. */
const environment = { PATH: process.env["PATH"] ?? "" }

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly pid: number
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** The first line of stdout that satisfies the predicate, past or future. */
  readonly line: (predicate: (line: string) => boolean) => Effect.Effect<string>
  /** Waits until stderr has said so. */
  readonly says: (text: string) => Effect.Effect<void>
  /** Types into stdin, which is a pipe if `start` got `piped`. */
  readonly type: (text: string) => Effect.Effect<void>
  /** Ends stdin. */
  readonly endInput: Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
}

/** Starts the program; it is killed with the scope, if it still runs. Its stdin is a pipe if `piped`, and else empty. */
export const start = (args: ReadonlyArray<string>, env: Record<string, string> = {}, piped = false) =>
  Effect.acquireRelease(
    Effect.sync((): Running => {
      const child = spawn(process.execPath, [bin, ...args], {
        env: { ...environment, ...env },
        stdio: [piped ? "pipe" : "ignore", "pipe", "pipe"]
      })
      const [stdoutOf, stderrOf] = [child.stdout!, child.stderr!]
      let stdout = ""
      let stderr = ""
      stdoutOf.setEncoding("utf8").on("data", (text: string) => {
        stdout += text
      })
      stderrOf.setEncoding("utf8").on("data", (text: string) => {
        stderr += text
      })
      const ended = new Promise<Ended>((resolve) => {
        child.on("close", (code) => resolve({ code, stdout, stderr }))
      })
      /** Waits for output until something is so; the program may not end before. */
      const until = (output: Readable, isSo: () => boolean) =>
        Effect.callback<void>((resume) => {
          const look = () => {
            if (isSo()) {
              output.off("data", look)
              resume(Effect.void)
            }
          }
          output.on("data", look)
          child.on("close", () => {
            if (!isSo()) {
              resume(Effect.die(new Error(`the program ended first: ${stdout}${stderr}`)))
            }
          })
          look()
        })
      const find = (predicate: (line: string) => boolean) => stdout.split("\n").slice(0, -1).find(predicate)
      return {
        pid: child.pid!,
        kill: (signal) =>
          Effect.sync(() => {
            child.kill(signal)
          }),
        line: (predicate) => Effect.map(until(stdoutOf, () => find(predicate) !== undefined), () => find(predicate)!),
        says: (text) => until(stderrOf, () => stderr.includes(text)),
        type: (text) => Effect.sync(() => void child.stdin?.write(text)),
        endInput: Effect.sync(() => void child.stdin?.end()),
        ended: Effect.promise(() => ended)
      }
    }),
    (running) => Effect.andThen(running.kill("SIGKILL"), running.ended)
  )

/** Runs the program to its end, with `input` on its stdin. */
export const run = (args: ReadonlyArray<string>, env?: Record<string, string>, input?: string) =>
  Effect.scoped(Effect.gen(function*() {
    const running = yield* start(args, env, input !== undefined)
    yield* running.type(input ?? "")
    yield* running.endInput
    return yield* running.ended
  }))

/** Whether a server listens there. */
export const listens = (url: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const { hostname, port } = new URL(url)
    const socket = createConnection({ host: hostname, port: Number(port) })
    socket.on("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.on("error", () => resume(Effect.succeed(false)))
  })

/** Whether the process is still there. */
export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
