/** Runs the program as a person does: as a process of its own, from its source. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { createConnection } from "node:net"
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
  readonly ended: Effect.Effect<Ended>
}

/** Starts the program; it is killed with the scope, if it still runs. */
export const start = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  Effect.acquireRelease(
    Effect.sync((): Running => {
      const child = spawn(process.execPath, [bin, ...args], {
        env: { ...environment, ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let stdout = ""
      let stderr = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text
      })
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text
      })
      const ended = new Promise<Ended>((resolve) => {
        child.on("close", (code) => resolve({ code, stdout, stderr }))
      })
      const find = (predicate: (line: string) => boolean) => stdout.split("\n").slice(0, -1).find(predicate)
      return {
        pid: child.pid!,
        kill: (signal) =>
          Effect.sync(() => {
            child.kill(signal)
          }),
        line: (predicate) =>
          Effect.callback((resume) => {
            const look = () => {
              const line = find(predicate)
              if (line !== undefined) {
                child.stdout.off("data", look)
                resume(Effect.succeed(line))
              }
            }
            child.stdout.on("data", look)
            child.on("close", () => {
              if (find(predicate) === undefined) {
                resume(Effect.die(new Error(`the program ended first: ${stdout}${stderr}`)))
              }
            })
            look()
          }),
        ended: Effect.promise(() => ended)
      }
    }),
    (running) => Effect.andThen(running.kill("SIGKILL"), running.ended)
  )

/** Runs the program to its end. */
export const run = (args: ReadonlyArray<string>, env?: Record<string, string>) =>
  Effect.scoped(Effect.flatMap(start(args, env), (running) => running.ended))

/** Whether somebody listens there. */
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
