/** A Redis of Debian's, which a test starts for itself on a socket in a folder of its own, and which keeps nothing. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { locate } from "./vitest.servers.ts"

/** A port of this machine that nothing listens on. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** A Redis that can't be asked. */
export const layerRefusing = (cause: unknown): Layer.Layer<Redis.Redis> =>
  Layer.effect(
    Redis.Redis,
    Redis.make({
      send: () => Effect.fail(new Redis.RedisError({ cause })),
      subscribe: () => Effect.never,
      connect: Effect.never
    })
  )

export interface Server {
  /** The socket that it listens on. */
  readonly path: string
  /** A client of its own. */
  readonly layer: Layer.Layer<Redis.Redis, Redis.RedisError>
  /** Ends it at once, or begins anew. */
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
  /** Takes commands and does none of them. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

/** A server with more options than it needs, such as `--port`. `program` is another that takes the same. */
export const serverWith = Effect.fnUntraced(function*(
  more: ReadonlyArray<string>,
  program = "redis-server"
): Effect.fn.Return<Server, never, Scope.Scope> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-redis-"))
  const path = join(folder, "redis.sock")
  const own = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", folder]
  const args = [...own, "--bind", "127.0.0.1", ...more]
  let child: ChildProcess | undefined
  const start = Effect.callback<void>((resume) => {
    const started = child = spawn(locate(program) ?? program, args, { stdio: ["ignore", "pipe", "inherit"] })
    let said = ""
    started.stdout.on("data", (data) => {
      said += data
      if (said.includes("eady to accept connections")) resume(Effect.void)
    })
    started.on("error", (error) => resume(Effect.die(error)))
    started.on("exit", (code) => resume(Effect.die(new Error(`${program} ended with ${code}: ${said}`))))
  })
  const signal = (name: NodeJS.Signals) => Effect.sync(() => child?.kill(name))
  const kill = Effect.callback<void>((resume) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })
  yield* Effect.acquireRelease(
    start,
    () => Effect.ensuring(kill, Effect.sync(() => rmSync(folder, { recursive: true })))
  )
  return {
    path,
    layer: NodeRedis.layer({ socket: { path, tls: false } }),
    kill,
    start,
    pause: signal("SIGSTOP"),
    resume: signal("SIGCONT")
  }
})

export const server: Effect.Effect<Server, never, Scope.Scope> = serverWith([])

/**
 * The same Redis with the time of the `Clock`: a script that asks it for the time is told what the clock says as it is
 * sent. With `TestClock` its hours pass at once.
 */
export const layerClock: Layer.Layer<Redis.Redis, never, Redis.Redis> = Layer.effect(
  Redis.Redis,
  Effect.map(Redis.Redis, (redis) =>
    Redis.Redis.of({
      ...redis,
      eval: (script) => {
        if (!script.lua.includes(`redis.call("TIME")`)) throw new Error("The script does not ask for the time")
        const timed = Redis.script(
          (now: number, params: ReadonlyArray<unknown>) => [
            ...script.params(...params),
            Math.floor(now / 1000),
            now % 1000 * 1000
          ],
          {
            // Redis forgets by its own time, which is not asked for here.
            lua: script.lua.replace(`redis.call("TIME")`, "{ ARGV[#ARGV - 1], ARGV[#ARGV] }").replace(
              /, "PX",.*$/m,
              ")"
            ),
            numberOfKeys: (_, params) => script.numberOfKeys(...params)
          }
        ).withReturnType<never>()
        const run = redis.eval(timed)
        return (...params) => Effect.flatMap(Clock.currentTimeMillis, (now) => run(now, params))
      }
    }))
)
