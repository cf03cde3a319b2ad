/** Servers that others wrote, started from their own binaries on free ports of 127.0.0.1, with a folder of their own. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import type * as Http from "node:http"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { locate } from "../../../../vitest.servers.ts"
import * as Server from "../server.ts"

/** A folder that is gone with the scope. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A port that was free a moment ago. */
export const freePort: Effect.Effect<number> = Effect.map(Server.closedPort, (url) => Number(new URL(url).port))

export const binary = (name: string): Effect.Effect<string> =>
  Effect.suspend(() => {
    const path = locate(name)
    return path === undefined
      ? Effect.die(new Error(`${name} is not installed: apt-get install ${name}`))
      : Effect.succeed(path)
  })

export const run = (command: string, args: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    execFile(command, args, (error, _, stderr) => resume(error === null ? Effect.void : Effect.die(new Error(stderr))))
  })

/** Starts a server in the foreground, waits until it accepts connections, and ends it with the scope. */
export const start = (
  command: string,
  args: ReadonlyArray<string>,
  port: number,
  log: string
): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.tap(
    Effect.acquireRelease(
      Effect.sync(() => spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] })),
      (child) =>
        Effect.callback<void>((resume) => {
          if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.on("exit", () => resume(Effect.void))
          child.kill("SIGTERM")
        })
    ),
    (child) => {
      let stderr = ""
      child.stderr?.on("data", (data: Buffer) => stderr += data.toString())
      const accepts = Effect.callback<boolean>((resume) => {
        const socket = Net.connect(port, "127.0.0.1")
        socket.on("connect", () => socket.destroy()).on("error", () => undefined)
        socket.on("close", (failed) => resume(Effect.succeed(!failed)))
      })
      return Effect.gen(function*() {
        while (!(yield* accepts)) {
          if (child.exitCode !== null) {
            return yield* Effect.die(new Error(`${command} exited: ${stderr} ${readIfThere(log)}`))
          }
        }
      })
    }
  )

const readIfThere = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

export const write = (path: string, text: string): Effect.Effect<void> => Effect.sync(() => writeFileSync(path, text))

export interface Upstream extends Server.Server {
  readonly port: number
  /** How often each `x-id` came, and how many requests in all. */
  readonly seen: ReadonlyMap<string, number>
  readonly total: () => number
}

/** What stands behind the proxy: answers each request with its `x-id`, and counts. */
export const upstream: Effect.Effect<Upstream, never, Scope.Scope> = Effect.gen(function*() {
  const seen = new Map<string, number>()
  let total = 0
  const server = yield* Server.http((request: Http.IncomingMessage, response) => {
    total++
    const id = String(request.headers["x-id"] ?? "")
    seen.set(id, (seen.get(id) ?? 0) + 1)
    request.resume().on("end", () => response.end(id))
  })
  return { ...server, port: Number(new URL(server.url).port), seen, total: () => total }
})
