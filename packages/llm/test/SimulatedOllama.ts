/** The simulated Ollama on a socket. */
import * as Simulated from "@holdfast/llm/testing/SimulatedOllama"
import * as Effect from "effect/Effect"
import * as LoopbackServer from "./LoopbackServer.ts"

const line = (value: object): string => `${JSON.stringify(value)}\n`

export const make = Effect.gen(function*() {
  const { model, respond } = yield* Simulated.make()
  const runSync = Effect.runSyncWith(yield* Effect.context())
  const server = yield* LoopbackServer.make(({ body, method, url }): LoopbackServer.Reply => {
    const reply = runSync(respond({ method, path: url, body: JSON.stringify(body) ?? "" }))
    return reply._tag === "Lines" ? { pieces: reply.lines.map(line) } : { status: reply.status, body: reply.body }
  })
  return { host: server.url, model }
})
