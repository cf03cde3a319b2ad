/**
 * A server that speaks the Responses API as its reference says, and rejects the same requests: an output without its call,
 * reasoning that is not the API's own, an id of a response that it did not keep. OpenAI's own client is tried against it first.
 */
import * as Effect from "effect/Effect"
import * as LoopbackServer from "../LoopbackServer.ts"

type Json = Readonly<Record<string, unknown>>
interface Item extends Json {
  readonly type?: string
  readonly role?: string
}
interface Body {
  readonly model: string
  readonly input: ReadonlyArray<Item> | string
  readonly previous_response_id?: string
  readonly store?: boolean
  readonly stream?: boolean
  readonly include?: ReadonlyArray<string>
  readonly tools?: ReadonlyArray<Json>
  readonly tool_choice?: unknown
  readonly text?: { readonly format?: Json }
}

export const key = "sk-key"

const refuse = (
  status: number,
  code: string | null,
  message: string,
  param: string | null = null
): LoopbackServer.Reply => ({
  status,
  body: { error: { message, type: "invalid_request_error", param, code } }
})

const usage = {
  input_tokens: 20,
  input_tokens_details: { cached_tokens: 8 },
  output_tokens: 12,
  output_tokens_details: { reasoning_tokens: 7 },
  total_tokens: 32
}

const secret = "gAAAA-encrypted"

const thoughts = (id: string) => ({
  type: "reasoning",
  id,
  summary: [{ type: "summary_text", text: "Let me" }, { type: "summary_text", text: "think." }],
  encrypted_content: secret
})

const message = (text: string, extra: Json = {}) => ({
  type: "message",
  id: "msg_1",
  status: "completed",
  role: "assistant",
  content: [{ type: "output_text", text, annotations: [], logprobs: [] }],
  ...extra
})

/** What is wrong with the items of a conversation. */
const fault = (items: ReadonlyArray<Item>): LoopbackServer.Reply | undefined => {
  const calls = new Set<unknown>()
  const outputs = new Set<unknown>()
  for (const [index, item] of items.entries()) {
    if (item.type === "function_call") calls.add(item["call_id"])
    if (item.type === "function_call_output") {
      if (!calls.has(item["call_id"])) {
        return refuse(
          400,
          null,
          `No tool call found for function call output with call_id ${String(item["call_id"])}.`,
          "input"
        )
      }
      outputs.add(item["call_id"])
    }
    if (item.type === "reasoning") {
      if (item["encrypted_content"] !== secret) {
        return refuse(400, "invalid_encrypted_content", "The encrypted content could not be verified.")
      }
      const next = items[index + 1]
      if (next === undefined || next.role === "user") {
        return refuse(400, null, "Item of type 'reasoning' was provided without its required following item.", "input")
      }
    }
  }
  const open = [...calls].find((id) => !outputs.has(id))
  return open === undefined
    ? undefined
    : refuse(400, null, `No tool output found for function call ${String(open)}.`, "input")
}

const outputOf = (body: Body, items: ReadonlyArray<Item>): ReadonlyArray<Json> => {
  const last = items.at(-1)
  if (last?.type === "function_call_output") {
    const outputs = items.filter(({ type }) => type === "function_call_output").map(({ output }) => String(output))
    return [message(outputs.join("; "), { phase: "final_answer" })]
  }
  const [tool] = body.tools ?? []
  if (tool !== undefined && body.tool_choice !== "none") {
    return [
      thoughts("rs_1"),
      ...["Oslo", "Rome"].map((city, i) => ({
        type: "function_call",
        id: `fc_${i}`,
        call_id: `call_${i}`,
        name: tool["name"],
        arguments: JSON.stringify({ city }),
        status: "completed"
      }))
    ]
  }
  if (body.text?.format?.["type"] === "json_schema") return [message(JSON.stringify({ city: "Oslo", degrees: 3 }))]
  return [thoughts("rs_1"), message("Grüße, Welt 🌍", { phase: "final_answer" })]
}

const eventsOf = (response: Json, output: ReadonlyArray<Json>): ReadonlyArray<Json & { readonly type: string }> => {
  const events: Array<Json & { readonly type: string }> = [
    { type: "response.created", response: { ...response, status: "in_progress", output: [], usage: null } }
  ]
  for (const [output_index, item] of output.entries()) {
    const of = { output_index, item_id: item["id"] }
    switch (item["type"]) {
      case "reasoning":
        events.push({ type: "response.output_item.added", output_index, item: { ...item, summary: [] } })
        for (const [summary_index, part] of (item["summary"] as ReadonlyArray<{ text: string }>).entries()) {
          events.push({
            type: "response.reasoning_summary_part.added",
            ...of,
            summary_index,
            part: { type: "summary_text", text: "" }
          })
          events.push({ type: "response.reasoning_summary_text.delta", ...of, summary_index, delta: part.text })
        }
        break
      case "message": {
        const [{ text }] = item["content"] as readonly [{ text: string }]
        events.push({ type: "response.output_item.added", output_index, item: { ...item, content: [] } })
        events.push({
          type: "response.content_part.added",
          ...of,
          content_index: 0,
          part: { type: "output_text", text: "", annotations: [] }
        })
        for (const delta of [text.slice(0, 7), text.slice(7)]) {
          events.push({ type: "response.output_text.delta", ...of, content_index: 0, delta, logprobs: [] })
        }
        break
      }
      default: {
        const args = String(item["arguments"])
        events.push({ type: "response.output_item.added", output_index, item: { ...item, arguments: "" } })
        for (const delta of [args.slice(0, 4), args.slice(4)]) {
          events.push({ type: "response.function_call_arguments.delta", ...of, delta })
        }
      }
    }
    events.push({ type: "response.output_item.done", output_index, item })
  }
  events.push({ type: `response.${String(response["status"])}`, response })
  return events
}

const inputOf = ({ input }: Body): ReadonlyArray<Item> =>
  typeof input === "string" ? [{ role: "user", content: input }] : input

/** Replies to requests, and keeps what is to be stored. */
const respond = () => {
  const stored = new Map<string, ReadonlyArray<Item>>()
  return ({ body, headers, method, url }: LoopbackServer.Received): LoopbackServer.Reply => {
    if (headers["authorization"] !== `Bearer ${key}`) {
      return refuse(401, "invalid_api_key", "Incorrect API key provided.")
    }
    if (method === "GET") return { body: { object: "list", data: [{ id: "gpt-5" }] } }
    if (url !== "/v1/responses") return refuse(404, null, "Unknown URL")
    const request = body as Body
    if (request.include !== undefined && request.model.startsWith("plain")) {
      return refuse(400, null, "Encrypted content is not supported with this model.", "include")
    }
    const before = request.previous_response_id === undefined ? [] : stored.get(request.previous_response_id)
    if (before === undefined) {
      return refuse(
        400,
        "previous_response_not_found",
        `Previous response with id '${request.previous_response_id}' not found.`,
        "previous_response_id"
      )
    }
    const items = [...before, ...inputOf(request)]
    const wrong = fault(items)
    if (wrong !== undefined) return wrong
    const said = JSON.stringify(items.at(-1))
    const output = said.includes("filtered") ? [] : outputOf(request, items)
    const incomplete = said.includes("filtered")
      ? "content_filter"
      : said.includes("long")
      ? "max_output_tokens"
      : undefined
    const id = `resp_${stored.size + 1}`
    const response = {
      id,
      object: "response",
      created_at: 1_764_000_000,
      model: request.model,
      status: said.includes("failing") ? "failed" : incomplete === undefined ? "completed" : "incomplete",
      error: said.includes("failing") ? { code: "server_error", message: "The model failed." } : null,
      incomplete_details: incomplete === undefined ? null : { reason: incomplete },
      output,
      usage
    }
    // As if it had been deleted.
    if (request.store !== false && !said.includes("forget")) stored.set(id, [...items, ...output])
    return request.stream === true
      ? {
        pieces: eventsOf(response, output).map((event, sequence_number) =>
          `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number })}\n\n`
        )
      }
      : { body: response }
  }
}

export const make = Effect.suspend(() => LoopbackServer.make(respond()))
