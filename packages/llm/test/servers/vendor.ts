/** A vendor on this machine that writes down what it is asked, by key, and a way to Redis that may be cut. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { fork } from "node:child_process"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import * as Net from "node:net"
import type { Orders, Told } from "./fleetProcess.ts"

const answer = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "gpt-5",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 }
})

const spent = JSON.stringify({
  error: { message: "You exceeded your current quota", type: "insufficient_quota", code: "insufficient_quota" }
})

const listen = (server: Net.Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)))

export interface Asked {
  readonly at: number
  readonly process: number
}

export interface Vendor {
  readonly url: string
  /** When each request came, by key, in milliseconds since the epoch, and from which process. */
  readonly asked: ReadonlyMap<string, ReadonlyArray<Asked>>
  /** Requests that were refused, when they were. */
  readonly refused: ReadonlyArray<Asked>
  /** Whether the key is refused, and how long every answer takes. */
  state: { isSpent: boolean; millis: number }
}

export const vendor: Effect.Effect<Vendor, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const asked = new Map<string, Array<Asked>>()
    const refused: Array<Asked> = []
    const state = { isSpent: false, millis: 20 }
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      const key = (request.headers.authorization ?? "").replace("Bearer ", "")
      const process = Number(request.headers["x-process"])
      asked.set(key, [...(asked.get(key) ?? []), { at: Date.now(), process }])
      const isSpent = state.isSpent && key === "key"
      request.resume()
      setTimeout(() => {
        if (isSpent) refused.push({ at: Date.now(), process })
        response.writeHead(isSpent ? 429 : 200, { "content-type": "application/json" })
        response.end(isSpent ? spent : answer)
      }, state.millis)
    })
    // A process that is held up for longer than that finds its connection closed, which is not what is tried here.
    server.keepAliveTimeout = 300_000
    const url = `http://127.0.0.1:${await listen(server)}/v1`
    return { url, asked, refused, state, server }
  }),
  ({ server }) =>
    Effect.sync(() => server.closeAllConnections()).pipe(Effect.andThen(Effect.sync(() => server.close())))
)

export interface Way {
  readonly url: string
  /** From then on nothing comes through, either way, and no connection ends. */
  readonly cut: () => void
  readonly mend: () => void
}

/** A way over TCP to the socket of a Redis. */
export const wayTo = (path: string): Effect.Effect<Way, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const open = new Set<Socket>()
        let isCut = false
        const server = Net.createServer((near) => {
          const far = Net.connect(path)
          for (const [from, to] of [[near, far], [far, near]] as const) {
            open.add(from)
            from.on("data", (data) => isCut || to.write(data))
            from.on("close", () => {
              open.delete(from)
              if (!isCut) to.destroy()
            })
            from.on("error", () => from.destroy())
          }
        })
        const url = `redis://127.0.0.1:${await listen(server)}`
        const cut = () => {
          isCut = true
        }
        const mend = () => {
          isCut = false
          // What was dropped does not come any more: both ends begin anew.
          for (const socket of open) socket.destroy()
        }
        return { url, cut, mend, server, open }
      }),
      ({ open, server }) =>
        Effect.sync(() => {
          server.close()
          for (const socket of open) socket.destroy()
        })
    ),
    ({ cut, mend, url }) => ({ url, cut, mend })
  )

/** Whether a process went on alone at an instant, as it has told. */
export const isAlone = ({ warnings }: Pick<Process, "warnings">, now: number): boolean =>
  warnings.findLast(({ at }) => at <= now + 300)?.message.includes("away") === true ||
  warnings.some(({ at }) => at > now - 300 && at <= now + 300)

export interface Process {
  readonly warnings: ReadonlyArray<{ readonly message: string; readonly at: number }>
  readonly ready: Promise<void>
  /** What it tells at its end, if it comes to that. */
  readonly ended: Promise<Extract<Told, { readonly _tag: "Ended" }> | undefined>
  readonly signal: (name: NodeJS.Signals) => void
}

/** Starts a process of a fleet: the program that `fleetProcess.ts` is, as one file. */
export const start = (program: string, orders: Orders): Effect.Effect<Process, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = fork(program, [JSON.stringify(orders)], { execArgv: [] })
        const warnings: Array<{ message: string; at: number }> = []
        const ready = Promise.withResolvers<void>()
        const ended = Promise.withResolvers<Extract<Told, { readonly _tag: "Ended" }> | undefined>()
        child.on("message", (told: Told) => {
          if (told._tag === "Ready") ready.resolve()
          if (told._tag === "Warned") warnings.push(told)
          if (told._tag === "Ended") ended.resolve(told)
        })
        child.on("exit", (code) => {
          ended.resolve(undefined)
          if (code !== 0) ready.reject(new Error(`the process ended with ${code}`))
        })
        return { child, process: { warnings, ready: ready.promise, ended: ended.promise } }
      }),
      ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    ({ child, process }) => ({ ...process, signal: (name) => void child.kill(name) })
  )
