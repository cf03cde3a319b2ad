/**
 * A server of OpenAI's protocol on loopback, in a process of its own. It sends the first token of each stream at once and the
 * rest when it is told to, either in one piece or token by token.
 */
import { type ChildProcess, fork } from "node:child_process"
import { createServer, type ServerResponse } from "node:http"

/** How the rest of the streams comes: all at once, or a token every `pace` milliseconds in a write of its own. */
export type Mode = "burst" | "paced"

/** How many tokens a stream has. */
export const tokensOf: Readonly<Record<Mode, number>> = { burst: 100, paced: 40 }

export const pace = 8

const chunk = (delta: object, finish_reason: string | null = null): Buffer =>
  Buffer.from(`data: ${
    JSON.stringify({
      id: "chatcmpl-9aBcDeFgHiJkLmNoPqRsTuVwXyZ0",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "gpt-5-mini-2026-08-07",
      service_tier: "default",
      system_fingerprint: "fp_44709d6fcb",
      choices: [{ index: 0, delta, logprobs: null, finish_reason }]
    })
  }\n\n`)

const first = chunk({ role: "assistant", content: "token" })
const token = chunk({ content: " token" })
const last = Buffer.concat([chunk({}, "stop"), Buffer.from("data: [DONE]\n\n")])
const rest = Buffer.concat([...Array.from({ length: tokensOf.burst - 1 }, () => token), last])

const serve = (): void => {
  const open = new Map<ServerResponse, Mode>()
  const paced = (responses: ReadonlyArray<ServerResponse>) => {
    let sent = 1
    const timer = setInterval(() => {
      const isOver = sent++ >= tokensOf.paced
      for (const response of responses) {
        if (isOver) response.end(last)
        else response.write(token)
      }
      if (isOver) clearInterval(timer)
    }, pace)
  }
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write(first)
    open.set(response, request.url?.startsWith("/paced") === true ? "paced" : "burst")
  })
  // Long enough for a connection to be there in the next round: no candidate pays for opening one.
  server.keepAliveTimeout = 300_000
  process.on("message", () => {
    const responses = [...open]
    open.clear()
    for (const [response, mode] of responses) if (mode === "burst") response.end(rest)
    paced(responses.flatMap(([response, mode]) => mode === "paced" ? [response] : []))
  })
  process.on("disconnect", () => process.exit())
  server.listen(0, "127.0.0.1", 1024, () => {
    const address = server.address()
    process.send?.(typeof address === "object" ? address?.port : undefined)
  })
}

export interface Server {
  readonly url: (mode: Mode) => string
  /** Sends the rest of all streams that are open. */
  readonly release: () => void
  readonly close: () => void
}

export const start = async (): Promise<Server> => {
  const child: ChildProcess = fork(import.meta.filename, ["serve"], { execArgv: [] })
  const port = await new Promise<number>((resolve, reject) => {
    child.once("message", resolve)
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)))
  })
  return {
    url: (mode) => `http://127.0.0.1:${port}/${mode}`,
    release: () => void child.send("release"),
    close: () => child.disconnect()
  }
}

if (process.argv[1] === import.meta.filename && process.argv[2] === "serve") serve()
