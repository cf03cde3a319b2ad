/** As much of an Ollama as a program meets: models, loading and unloading, chats with tools and formats. */
import * as Effect from "effect/Effect"
import * as LoopbackServer from "./LoopbackServer.ts"

export const model = "simulated:latest"

interface Chat {
  readonly model: string
  readonly stream: boolean
  readonly messages: ReadonlyArray<{ readonly role: string; readonly content: string }>
  readonly tools?: ReadonlyArray<unknown>
  readonly format?: object
  readonly options?: { readonly num_ctx?: number }
}

const line = (value: object): string => `${JSON.stringify(value)}\n`

const chat = ({ format, messages, options, stream, tools }: Chat): LoopbackServer.Reply => {
  const last = messages.at(-1)
  const message = (rest: object) => ({ model, message: { role: "assistant", content: "", ...rest } })
  const answer = last?.role === "tool"
    ? [message({ content: "It is " }), message({ content: last.content })]
    : tools !== undefined
    ? [message({ tool_calls: [{ function: { name: "weather", arguments: { city: "Oslo" } } }] })]
    : format !== undefined
    ? [message({ content: "{\"city\":" }), message({ content: "\"Oslo\"}" })]
    : [message({ thinking: "Hm." }), message({ content: "Hello, " }), message({ content: "world" })]
  const words = messages.reduce((sum, { content }) => sum + content.split(/\s+/).length, 0)
  // The oldest messages of a prompt that is too long are dropped without a word.
  const end = {
    done: true,
    done_reason: "stop",
    prompt_eval_count: Math.min(words, options?.num_ctx ?? 4096),
    eval_count: answer.length
  }
  if (stream) {
    return { pieces: [...answer.map((part) => line({ ...part, done: false })), line({ ...message({}), ...end })] }
  }
  const [first] = answer
  const content = answer.map((part) => part.message.content).join("")
  return { body: { ...first, message: { ...first?.message, content }, ...end } }
}

export const make = Effect.suspend(() => {
  let loaded = false
  return LoopbackServer.make(({ body, url }): LoopbackServer.Reply => {
    const asked = (body as { readonly model?: string } | undefined)?.model
    if (asked !== undefined && asked !== model) return { status: 404, body: { error: `model '${asked}' not found` } }
    switch (url) {
      case "/api/version":
        return { body: { version: "0.13.0" } }
      case "/api/tags":
        return { body: { models: [{ name: model }] } }
      case "/api/show":
        return { body: { capabilities: ["completion", "tools", "thinking"], model_info: { "x.context_length": 8192 } } }
      case "/api/ps":
        return { body: { models: loaded ? [{ name: model, context_length: 4096 }] : [] } }
      case "/api/generate":
        loaded = false
        return { body: { model, done: true, done_reason: "unload" } }
      case "/api/chat":
        loaded = true
        return chat(body as Chat)
      default:
        return { status: 404, body: "404 page not found" }
    }
  })
})
