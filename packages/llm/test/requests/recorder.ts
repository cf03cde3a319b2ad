/** A server that writes down what it is asked, and answers as the API that lives at the path. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Json } from "./cases.ts"

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Json
}

/** The headers that mean something to a vendor. */
export const meaningful = ["authorization", "x-api-key", "x-goog-api-key", "anthropic-version", "content-type"] as const

const completion = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "{}" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
}
const message = {
  id: "m",
  type: "message",
  role: "assistant",
  model: "m",
  content: [{ type: "text", text: "{}" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 1, output_tokens: 1 }
}
const generated = {
  candidates: [{ content: { role: "model", parts: [{ text: "{}" }] }, finishReason: "STOP" }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 }
}
const response = {
  id: "r",
  object: "response",
  created_at: 1,
  model: "m",
  status: "completed",
  output: [{
    type: "message",
    id: "m",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text: "{}", annotations: [] }]
  }],
  usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
}
const chat = {
  model: "m",
  created_at: "2026-01-01T00:00:00Z",
  message: { role: "assistant", content: "{}" },
  done: true,
  done_reason: "stop"
}

const answerTo = (path: string): object =>
  path.includes("/chat/completions")
    ? completion
    : path.includes("/messages")
    ? message
    : path.includes("/responses")
    ? response
    : path.includes("/api/chat")
    ? chat
    : generated

export interface Recorder {
  readonly url: string
  /** The first request since the last call. */
  readonly take: () => Request | undefined
  readonly close: () => Promise<void>
}

export const start = async (): Promise<Recorder> => {
  let requests: Array<Request> = []
  const server = createServer((request, reply) => {
    let text = ""
    request.setEncoding("utf8").on("data", (piece: string) => text += piece)
    request.on("end", () => {
      const path = request.url ?? "/"
      requests.push({
        method: request.method ?? "",
        path,
        headers: Object.fromEntries(
          meaningful.flatMap((name) => {
            const value = request.headers[name]
            return typeof value === "string" ? [[name, value]] : []
          })
        ),
        body: JSON.parse(text) as Json
      })
      // A stream ends before its first event: its request is all that is wanted.
      const isStream = path.includes("alt=sse") || (JSON.parse(text) as { stream?: boolean }).stream === true
      reply.setHeader("content-type", isStream ? "text/event-stream" : "application/json")
      reply.end(isStream ? "" : JSON.stringify(answerTo(path)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    take: () => {
      const [first] = requests
      requests = []
      return first
    },
    close: () => new Promise((resolve) => server.close(() => resolve()))
  }
}
