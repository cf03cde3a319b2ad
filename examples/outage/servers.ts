/**
 * Two simulated servers of chat completions on 127.0.0.1: the first fails in another way every few seconds, the second is well and costs
 * twice as much. They count what they were sent and what they bill: a prompt of 20 tokens, and each word that they write.
 */
import { createServer, type ServerResponse } from "node:http"

/** What an answer is, word for word. */
const words: ReadonlyArray<string> = Array.from({ length: 40 }, (_, i) => `word${i + 1} `)
export const answer = words.join("")

/** How the first server behaves, one after the other. */
export const phases = [
  "well",
  "503",
  "429, Retry-After: 1",
  "cut before the first word",
  "cut in the middle",
  "ends in the middle, as if it were whole",
  "an error in the stream",
  "hangs",
  "well again"
] as const

/** Dollars per million tokens, of the prompt and of the answer. */
export const prices = { first: { input: 1, output: 4 }, second: { input: 2, output: 8 } } as const

interface Bill {
  readonly requests: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly dollars: number
}

export interface Servers {
  readonly first: string
  readonly second: string
  /** Starts the phases anew, of so many milliseconds each, and forgets the bill. */
  readonly begin: (phaseMillis: number) => void
  readonly bill: () => { readonly first: Bill; readonly second: Bill }
  readonly close: () => Promise<void>
}

const chunk = (content: string | undefined, finish: string | null = null): string =>
  `data: ${
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 0,
      model: "simulated",
      choices: [{ index: 0, delta: content === undefined ? {} : { role: "assistant", content }, finish_reason: finish }]
    })
  }\n\n`

const usage = `data: ${
  JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 0,
    model: "simulated",
    choices: [],
    usage: { prompt_tokens: 20, completion_tokens: words.length, total_tokens: 20 + words.length }
  })
}\n\n`

const pause = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))

class Server {
  requests = 0
  inputTokens = 0
  outputTokens = 0
  readonly prices: { readonly input: number; readonly output: number }
  readonly phase: () => (typeof phases)[number]

  constructor(prices: Server["prices"], phase: Server["phase"]) {
    this.prices = prices
    this.phase = phase
  }

  get bill(): Bill {
    const { inputTokens, outputTokens, prices, requests } = this
    const dollars = (inputTokens * prices.input + outputTokens * prices.output) / 1e6
    return { requests, inputTokens, outputTokens, dollars }
  }

  readonly respond = async (response: ServerResponse): Promise<void> => {
    this.requests++
    const phase = this.phase()
    const refuse = (status: number, type: string, headers: Record<string, string> = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers })
      response.end(JSON.stringify({ error: { message: `simulated: ${phase}`, type, code: null } }))
    }
    if (phase === "503") return refuse(503, "server_error")
    if (phase === "429, Retry-After: 1") return refuse(429, "rate_limit_error", { "retry-after": "1" })
    if (phase === "hangs") return
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.flushHeaders()
    await pause(20)
    if (phase === "cut before the first word") return void response.destroy()
    this.inputTokens += 20
    if (phase === "an error in the stream") {
      response.end(
        `data: ${JSON.stringify({ error: { message: "The server had an error", type: "server_error" } })}\n\n`
      )
      return
    }
    for (const [i, word] of words.entries()) {
      if (response.destroyed) return
      if (i === 20 && phase === "cut in the middle") return void response.destroy()
      if (i === 20 && phase === "ends in the middle, as if it were whole") return void response.end()
      this.outputTokens++
      response.write(chunk(word))
      await pause(4)
    }
    response.end(`${chunk(undefined, "stop")}${usage}data: [DONE]\n\n`)
  }
}

const listen = (server: Server) => {
  const http = createServer((request, response) => {
    request.resume()
    request.on("end", () => void server.respond(response))
  })
  return new Promise<{ readonly url: string; readonly close: () => Promise<void> }>((resolve) => {
    http.listen(0, "127.0.0.1", () => {
      const address = http.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const close = () =>
        new Promise<void>((closed) => {
          http.close(() => closed())
          http.closeAllConnections()
        })
      resolve({ url: `http://127.0.0.1:${port}/v1`, close })
    })
  })
}

export const open = async (): Promise<Servers> => {
  let began = performance.now()
  let length = Infinity
  const phase = () => phases[Math.min(phases.length - 1, Math.floor((performance.now() - began) / length))] ?? "well"
  let [first, second] = [new Server(prices.first, phase), new Server(prices.second, () => "well")]
  const [one, two] = await Promise.all([
    listen(
      Object.assign(Object.create(first) as Server, { respond: (response: ServerResponse) => first.respond(response) })
    ),
    listen(
      Object.assign(Object.create(second) as Server, {
        respond: (response: ServerResponse) => second.respond(response)
      })
    )
  ])
  return {
    first: one.url,
    second: two.url,
    begin: (phaseMillis) => {
      first = new Server(prices.first, phase)
      second = new Server(prices.second, () => "well")
      length = phaseMillis
      began = performance.now()
    },
    bill: () => ({ first: first.bill, second: second.bill }),
    close: async () => {
      await Promise.all([one.close(), two.close()])
    }
  }
}
