/**
 * A server that speaks Bedrock's Converse API as its reference says: it verifies each signature by AWS's own description, checks
 * the conversation, and streams frames. AWS's own client is tried against it first.
 */
import { EventStreamCodec } from "@smithy/eventstream-codec"
import * as Effect from "effect/Effect"
import { createHash, createHmac } from "node:crypto"
import * as LoopbackServer from "../LoopbackServer.ts"

type Json = Readonly<Record<string, unknown>>
interface Block extends Json {
  readonly text?: string
  readonly toolUse?: { readonly toolUseId: string; readonly name: string }
  readonly toolResult?: { readonly toolUseId: string; readonly content: ReadonlyArray<{ readonly text: string }> }
  readonly reasoningContent?: { readonly reasoningText?: { readonly signature?: string } }
}
interface Body {
  readonly messages?: ReadonlyArray<{ readonly role: string; readonly content: ReadonlyArray<Block> }>
  readonly toolConfig?: {
    readonly tools: ReadonlyArray<{ readonly toolSpec?: { readonly name: string } }>
    readonly toolChoice?: object
  }
  readonly outputConfig?: object
}

export const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI", sessionToken: "session" }
export const model = "us.amazon.nova-pro-v1:0"
export const region = "eu-central-1"

const codec = new EventStreamCodec(
  (input) => typeof input === "string" ? input : Buffer.from(input).toString("utf8"),
  (text) => new Uint8Array(Buffer.from(text, "utf8"))
)

const header = (value: string) => ({ type: "string" as const, value })

export const frame = (type: string, payload: object, kind: "event" | "exception" = "event"): Uint8Array =>
  codec.encode({
    headers: {
      [kind === "event" ? ":event-type" : ":exception-type"]: header(type),
      ":content-type": header("application/json"),
      ":message-type": header(kind)
    },
    body: new Uint8Array(Buffer.from(JSON.stringify(payload), "utf8"))
  })

const refuse = (status: number, type: string, message: string): LoopbackServer.Reply => ({
  status,
  headers: { "x-amzn-errortype": `${type}:http://internal.amazon.com/coral/com.amazon.bedrock/` },
  body: { message }
})

const sha256 = (text: string) => createHash("sha256").update(text, "utf8").digest("hex")
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text, "utf8").digest()

/** Whether a request is signed, by AWS's "Create a signed request": the path is encoded once more for the signature. */
const isSigned = ({ body, headers, method, url }: LoopbackServer.Received): boolean => {
  const authorization = String(headers["authorization"] ?? "")
  const [, key, date, where, signed, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/bedrock\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/
      .exec(authorization) ?? []
  if (key !== credentials.accessKeyId || where !== region || date === undefined || signed === undefined) return false
  if (headers["x-amz-security-token"] !== credentials.sessionToken || !signed.includes("x-amz-security-token")) {
    return false
  }
  const names = signed.split(";")
  const path = url.split("/").map(encodeURIComponent).join("/")
  const request = [
    method,
    path,
    "",
    ...names.map((name) => `${name}:${String(headers[name] ?? "").trim()}`),
    "",
    signed,
    sha256(JSON.stringify(body))
  ].join("\n")
  const scope = `${date}/${region}/bedrock/aws4_request`
  const toSign = ["AWS4-HMAC-SHA256", String(headers["x-amz-date"]), scope, sha256(request)].join("\n")
  const signing = [date, region, "bedrock", "aws4_request"].reduce<string | Buffer>(
    hmac,
    `AWS4${credentials.secretAccessKey}`
  )
  return hmac(signing, toSign).toString("hex") === signature
}

/** What is wrong with a conversation. */
const fault = ({ messages = [], toolConfig }: Body): string | undefined => {
  if (messages.length === 0) return "1 validation error detected: Value at 'messages' failed: must not be empty"
  for (const [index, { content, role }] of messages.entries()) {
    if (role !== (index % 2 === 0 ? "user" : "assistant")) {
      return "A conversation must alternate between user and assistant roles."
    }
    if (content.some(({ text }) => text?.trim() === "")) return "The text field in the ContentBlock object is blank."
    const calls = content.flatMap(({ toolUse }) => toolUse === undefined ? [] : [toolUse.toolUseId])
    const results = messages[index + 1]?.content.flatMap(({ toolResult }) =>
      toolResult === undefined ? [] : [toolResult.toolUseId]
    ) ?? []
    if (role === "assistant" && calls.join() !== results.join()) {
      return "Expected toolResult blocks for the toolUse blocks."
    }
    if (calls.length > 0 && toolConfig === undefined) {
      return "The toolConfig field must be defined when using toolUse and toolResult content blocks."
    }
    if (
      content.some(({ reasoningContent }) =>
        (reasoningContent?.reasoningText?.signature ?? "sig") !== "sig"
      )
    ) {
      return "Invalid signature in thinking block"
    }
  }
  return undefined
}

const usage = { inputTokens: 12, outputTokens: 12, totalTokens: 32, cacheReadInputTokens: 5, cacheWriteInputTokens: 3 }
const metrics = { latencyMs: 5 }
const thought = { reasoningContent: { reasoningText: { text: "Let me think.", signature: "sig" } } }

const contentOf = ({ messages = [], outputConfig, toolConfig }: Body): ReadonlyArray<Block> => {
  const last = messages.at(-1)?.content ?? []
  const results = last.flatMap(({ toolResult }) => toolResult?.content.map(({ text }) => text) ?? [])
  if (results.length > 0) return [{ text: results.join("; ") }]
  if (toolConfig?.toolChoice !== undefined) {
    const name = toolConfig.tools[0]?.toolSpec?.name ?? ""
    const calls = ["Oslo", "Rome"].map((city, i) => ({ toolUse: { toolUseId: `tooluse_${i}`, name, input: { city } } }))
    return [thought, ...calls]
  }
  return outputConfig === undefined
    ? [thought, { text: "Grüße, Welt 🌍" }]
    : [{ text: "{\"city\":\"Oslo\",\"degrees\":3}" }]
}

const framesOf = (content: ReadonlyArray<Block>, stopReason: string): ReadonlyArray<Uint8Array> => {
  const frames = [frame("messageStart", { role: "assistant", p: "ab" })]
  for (const [contentBlockIndex, block] of content.entries()) {
    const delta = (delta: object) => frames.push(frame("contentBlockDelta", { contentBlockIndex, delta }))
    if (block.toolUse !== undefined) {
      const { input, ...start } = block.toolUse as { toolUseId: string; name: string; input?: object }
      frames.push(frame("contentBlockStart", { contentBlockIndex, start: { toolUse: start } }))
      const text = JSON.stringify(input)
      delta({ toolUse: { input: text.slice(0, 5) } })
      delta({ toolUse: { input: text.slice(5) } })
    } else if (block.reasoningContent !== undefined) {
      delta({ reasoningContent: { text: "Let me " } })
      delta({ reasoningContent: { text: "think." } })
      delta({ reasoningContent: { signature: "sig" } })
    } else {
      delta({ text: block.text?.slice(0, 6) })
      delta({ text: block.text?.slice(6) })
    }
    frames.push(frame("contentBlockStop", { contentBlockIndex }))
  }
  return [...frames, frame("messageStop", { stopReason }), frame("metadata", { usage, metrics })]
}

const respond = (received: LoopbackServer.Received): LoopbackServer.Reply => {
  const { body, headers, url } = received
  const [, id, operation] = /^\/model\/([^/]+)\/(converse|converse-stream)$/.exec(url) ?? []
  if (headers["authorization"] !== "Bearer api-key" && !isSigned(received)) {
    return refuse(
      403,
      "InvalidSignatureException",
      "The request signature we calculated does not match the signature you provided."
    )
  }
  if (id === undefined || decodeURIComponent(id) !== model) {
    return refuse(400, "ValidationException", "The provided model identifier is invalid.")
  }
  const request = body as Body
  const wrong = fault(request)
  if (wrong !== undefined) return refuse(400, "ValidationException", wrong)
  const said = JSON.stringify(request.messages?.at(-1))
  if (said.includes("throttled")) {
    return refuse(429, "ThrottlingException", "Too many requests, please wait before trying again.")
  }
  const content = contentOf(request)
  const stopReason = said.includes("guarded")
    ? "guardrail_intervened"
    : said.includes("malformed")
    ? "malformed_tool_use"
    : content.some(({ toolUse }) => toolUse !== undefined)
    ? "tool_use"
    : "end_turn"
  const given = said.includes("guarded") ? [] : content
  if (operation === "converse") {
    return { body: { output: { message: { role: "assistant", content: given } }, stopReason, usage, metrics } }
  }
  const frames = framesOf(given, stopReason)
  return {
    headers: { "content-type": "application/vnd.amazon.eventstream" },
    pieces: said.includes("breaking")
      ? [...frames.slice(0, 3), frame("modelStreamErrorException", { message: "The model failed." }, "exception")]
      : frames
  }
}

export const make = Effect.suspend(() => LoopbackServer.make(respond))
