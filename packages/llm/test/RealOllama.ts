/** The Ollama that is at hand: one that answers, or one that is started because its program is on the PATH. */
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"

const configured = OllamaProvider.parseHost(process.env["OLLAMA_HOST"] ?? OllamaProvider.defaultHost)
const named = process.env["OLLAMA_MODEL"]

const answers = async (host: string): Promise<boolean> =>
  fetch(`${host}/api/version`, { signal: AbortSignal.timeout(2000) }).then(({ ok }) => ok, () => false)

const onPath = (): boolean => spawnSync("ollama", ["--version"]).error === undefined

/** Looks for one, without starting any. */
export const look = async (): Promise<"answers" | "on the PATH" | undefined> =>
  await answers(configured)
    ? "answers"
    : onPath()
    ? "on the PATH"
    : undefined

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  return typeof address === "object" && address !== null ? address.port : 0
}

const serve: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function*() {
  const host = `127.0.0.1:${yield* Effect.promise(freePort)}`
  yield* Effect.acquireRelease(
    Effect.sync(() => spawn("ollama", ["serve"], { env: { ...process.env, OLLAMA_HOST: host }, stdio: "ignore" })),
    (server) =>
      Effect.promise(() => {
        const over = server.exitCode === null ? once(server, "exit") : Promise.resolve([])
        server.kill()
        return over
      })
  )
  yield* Effect.promise(() => answers(`http://${host}`)).pipe(
    Effect.repeat({ schedule: Schedule.spaced("100 millis"), until: (does) => does })
  )
  return `http://${host}`
})

/** The one that {@link look} has found, with the model that `OLLAMA_MODEL` names or the first that is installed. */
export const connect = Effect.gen(function*() {
  const host = (yield* Effect.promise(() => answers(configured))) ? configured : yield* serve
  if (named !== undefined) return { host, model: named }
  const { models } = yield* Effect.promise(async () => {
    const response = await fetch(`${host}/api/tags`)
    return await response.json() as { readonly models: ReadonlyArray<{ readonly name: string }> }
  })
  const [first] = models
  if (first === undefined) throw new Error("Ollama has no model: run `ollama pull llama3.2`, or set OLLAMA_MODEL")
  return { host, model: first.name }
})
