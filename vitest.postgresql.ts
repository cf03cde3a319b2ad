/** A PostgreSQL of Debian's, which a test starts for itself in a folder of its own, on a free port of 127.0.0.1. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chownSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { locate } from "./vitest.servers.ts"

/** PostgreSQL does not run as root: it runs as the user 65534 then. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

const freePort = Effect.callback<number>((resume) => {
  const probe = createServer()
  probe.listen(0, "127.0.0.1", () => {
    const address = probe.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    probe.close(() => resume(Effect.succeed(port)))
  })
})

export interface Server {
  readonly url: string
  /** A client of its own. */
  readonly layer: Layer.Layer<SqlClient, SqlError>
  /** Ends it at once, with all that is connected, or begins anew with what was committed. */
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

export const server: Effect.Effect<Server, never, Scope.Scope> = Effect.gen(function*() {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-postgresql-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, "data")
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: "C" } }
  execFileSync(locate("initdb") ?? "initdb", ["-D", data, "-U", "holdfast", "-A", "trust", "-E", "UTF8", "-N"], {
    ...options,
    stdio: "ignore"
  })
  const port = yield* freePort
  // What was committed outlives a kill of the process without `fsync` too.
  const settings = ["listen_addresses=127.0.0.1", `port=${port}`, `unix_socket_directories=${folder}`, "fsync=off"]
  let child: ChildProcess | undefined
  const start = Effect.callback<void>((resume) => {
    const started = child = spawn(
      locate("postgres") ?? "postgres",
      ["-D", data, ...settings.flatMap((setting) => ["-c", setting])],
      { ...options, stdio: ["ignore", "ignore", "pipe"], detached: true }
    )
    let said = ""
    started.stderr.on("data", (text) => {
      said += text
      if (said.includes("database system is ready to accept connections")) resume(Effect.void)
    })
    started.on("error", (error) => resume(Effect.die(error)))
    started.on("exit", (code) => resume(Effect.die(new Error(`postgres ended with ${code}: ${said}`))))
  })
  const kill = Effect.callback<void>((resume) => {
    const { pid } = child ?? {}
    if (child === undefined || pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      return resume(Effect.void)
    }
    child.once("close", () => resume(Effect.void))
    // Its children too, which would hold its port and its memory.
    process.kill(-pid, "SIGKILL")
  })
  yield* Effect.acquireRelease(start, () => kill)
  const url = `postgres://holdfast@127.0.0.1:${port}/postgres`
  return { url, layer: PgClient.layer({ url: Redacted.make(url), maxConnections: 2 }), kill, start }
})
