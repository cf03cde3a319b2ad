/** Servers that `scripts/realServers.ts` has set up, each on a port of its own, stopped with the scope. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"

export const installed = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../../node_modules/.cache/real/ready.json"), "utf8")
) as {
  readonly llamaServer: string
  readonly model: string
  readonly litellm: string
  readonly packages: ReadonlyArray<string>
}

export interface RealServer {
  readonly url: string
  /** Sends a signal, and waits until the server has ended. */
  readonly end: (signal: "SIGKILL" | "SIGTERM") => Effect.Effect<void>
  /** Waits until it answers this path. */
  readonly ready: Effect.Effect<void>
}

export const freePort = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" && address !== null ? address.port : 0
})

const start = (
  program: string,
  args: ReadonlyArray<string>,
  port: number,
  health: string,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<RealServer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const url = `http://127.0.0.1:${port}`
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(program, args, { stdio: "ignore", env: { ...process.env, ...env } })),
      (child) =>
        Effect.promise(async () => {
          if (child.exitCode !== null || child.signalCode !== null) return
          child.kill("SIGKILL")
          await once(child, "exit")
        })
    )
    return {
      url,
      end: (signal) =>
        Effect.promise(async () => {
          const over = once(child, "exit")
          child.kill(signal)
          await over
        }),
      ready: Effect.promise(() => fetch(url + health).then(({ ok }) => ok, () => false)).pipe(
        Effect.repeat({ schedule: Schedule.spaced("100 millis"), until: (is) => is }),
        Effect.asVoid
      )
    }
  })

/** llama.cpp server: one slot, a context of 1,024 tokens, one thread, because two that share a busy core wait for each other. */
export const llamaCpp = (port: number): Effect.Effect<RealServer, never, Scope.Scope> =>
  start(
    installed.llamaServer,
    [
      "-m",
      installed.model,
      "--host",
      "127.0.0.1",
      "--port",
      `${port}`,
      "-c",
      "1024",
      "-np",
      "1",
      "-t",
      "1",
      "--jinja",
      "--slots"
    ],
    port,
    "/health"
  )

/** The key of the proxy, which does not start without one. */
export const masterKey = `sk-${randomBytes(24).toString("hex")}`

/** LiteLLM's proxy with the models of a file. */
export const liteLlm = (port: number, config: string): Effect.Effect<RealServer, never, Scope.Scope> =>
  start(
    installed.litellm,
    ["--config", config, "--host", "127.0.0.1", "--port", `${port}`, "--telemetry", "False"],
    port,
    "/health/liveliness",
    { LITELLM_MASTER_KEY: masterKey }
  )
