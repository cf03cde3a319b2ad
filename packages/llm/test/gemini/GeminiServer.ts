/**
 * A server that speaks Gemini's API as its reference says, and rejects the same requests: unknown fields, responses that do not
 * fit their calls, a call of its own that comes back without its signature. Google's own client is tried against it first.
 */
import * as Effect from "effect/Effect"
import * as LoopbackServer from "../LoopbackServer.ts"

type Json = Readonly<Record<string, unknown>>
interface Part {
  readonly text?: string
  readonly thought?: boolean
  readonly thoughtSignature?: string
  readonly functionCall?: { readonly id?: string; readonly name: string; readonly args: Json }
  readonly functionResponse?: { readonly id?: string; readonly name: string; readonly response: Json }
  readonly inlineData?: { readonly mimeType: string; readonly data: string }
  readonly fileData?: { readonly mimeType: string; readonly fileUri: string }
}
interface Content {
  readonly role?: string
  readonly parts: ReadonlyArray<Part>
}
interface Body {
  readonly contents: ReadonlyArray<Content>
  readonly systemInstruction?: Content
  readonly tools?: ReadonlyArray<{
    readonly functionDeclarations?: ReadonlyArray<{ readonly name: string; readonly parametersJsonSchema?: Json }>
  }>
  readonly toolConfig?: { readonly functionCallingConfig?: { readonly mode?: string } }
  readonly generationConfig?: Json
}

export const key = "AIza-key"

const error = (code: number, status: string, message: string, details: ReadonlyArray<object> = []) => ({
  status: code,
  body: { error: { code, message, status, ...(details.length === 0 ? {} : { details }) } }
})

const invalid = (message: string) => error(400, "INVALID_ARGUMENT", message)

const fields = {
  body: [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "cachedContent",
    "labels",
    "serviceTier",
    "store"
  ],
  part: ["text", "thought", "thoughtSignature", "functionCall", "functionResponse", "inlineData", "fileData"],
  functionCall: ["id", "name", "args"],
  functionResponse: ["id", "name", "response"],
  inlineData: ["mimeType", "data"],
  fileData: ["mimeType", "fileUri"],
  declaration: ["name", "description", "parameters", "parametersJsonSchema"],
  generationConfig: [
    "temperature",
    "topP",
    "topK",
    "maxOutputTokens",
    "stopSequences",
    "seed",
    "candidateCount",
    "responseMimeType",
    "responseJsonSchema",
    "thinkingConfig"
  ]
} as const

const unknownField = (value: object | undefined, known: ReadonlyArray<string>): string | undefined =>
  Object.keys(value ?? {}).find((name) => !known.includes(name))

/** The first field that the API does not know. */
const strange = (body: Body): string | undefined =>
  unknownField(body, fields.body) ??
    unknownField(body.generationConfig, fields.generationConfig) ??
    [...body.contents, ...(body.systemInstruction === undefined ? [] : [body.systemInstruction])]
      .flatMap(({ parts }) => parts)
      .flatMap((part) => [
        unknownField(part, fields.part),
        unknownField(part.functionCall, fields.functionCall),
        unknownField(part.functionResponse, fields.functionResponse),
        unknownField(part.inlineData, fields.inlineData),
        unknownField(part.fileData, fields.fileData)
      ]).find((name) => name !== undefined) ??
    body.tools?.flatMap(({ functionDeclarations = [] }) => functionDeclarations)
      .map((declaration) => unknownField(declaration, fields.declaration)).find((name) => name !== undefined)

const has = (content: Content | undefined, name: "functionCall" | "functionResponse") =>
  content?.parts.filter((part) => part[name] !== undefined) ?? []

export class Signatures {
  private readonly issued = new Map<string, string>()

  /** Signs a call: it has to come back with the signature. */
  sign(call: { readonly id: string }): string {
    const signature = Buffer.from(`signature ${this.issued.size}`).toString("base64")
    this.issued.set(call.id, signature)
    return signature
  }

  /** Whether the first call of a turn is signed as the API wants it. */
  accepts(model: string, { functionCall, thoughtSignature }: Part): boolean {
    const own = this.issued.get(functionCall?.id ?? "")
    if (own !== undefined) return thoughtSignature === own
    return !/gemini-[3-9]/.test(model) || thoughtSignature === "skip_thought_signature_validator"
  }
}

/** What is wrong with a conversation. */
const fault = (body: Body, model: string, signatures: Signatures) => {
  if (!Array.isArray(body.contents) || body.contents.length === 0) return invalid("contents is not specified")
  const unknown = strange(body)
  if (unknown !== undefined) {
    return invalid(`Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`)
  }
  for (const [index, content] of body.contents.entries()) {
    if (content.role !== "user" && content.role !== "model") {
      return invalid("Please use a valid role: user, model.")
    }
    if (content.parts.length === 0) return invalid("* GenerateContentRequest.contents[0].parts: must not be empty.")
    const calls = has(content, "functionCall")
    const [first] = calls
    if (first !== undefined && !signatures.accepts(model, first)) {
      return invalid("Function call is missing a thought_signature in functionCall parts.")
    }
    const responses = has(body.contents[index + 1], "functionResponse")
    if (
      calls.length !== responses.length ||
      calls.some(({ functionCall }, i) => functionCall?.name !== responses[i]?.functionResponse?.name)
    ) {
      return invalid(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn."
      )
    }
    if (calls.some(({ functionCall }, i) => functionCall?.id !== responses[i]?.functionResponse?.id)) {
      return invalid("Please ensure that the ids of function responses match their calls.")
    }
  }
  return body.contents.at(-1)?.role === "user" ? undefined : invalid("Please ensure that the last turn is the user's.")
}

interface Candidate {
  readonly content?: Content
  readonly finishReason?: string
  readonly index: number
}

const usageMetadata = {
  promptTokenCount: 20,
  cachedContentTokenCount: 8,
  candidatesTokenCount: 5,
  thoughtsTokenCount: 7,
  totalTokenCount: 32
}

const answerOf = (body: Body, signatures: Signatures): ReadonlyArray<Part> => {
  const last = body.contents.at(-1)?.parts ?? []
  const responses = last.flatMap(({ functionResponse }) => functionResponse === undefined ? [] : [functionResponse])
  if (responses.length > 0) {
    return [{ text: responses.map(({ name, response }) => `${name}: ${JSON.stringify(response)}`).join("; ") }]
  }
  const declared = body.tools?.flatMap(({ functionDeclarations = [] }) => functionDeclarations) ?? []
  const mode = body.toolConfig?.functionCallingConfig?.mode
  if (declared.length > 0 && mode !== "NONE") {
    const name = declared[0]?.name ?? ""
    const calls = ["Oslo", "Rome"].map((city, i) => ({ id: `fc_${i}`, name, args: { city } }))
    return [
      { text: "Two cities.", thought: true },
      // Of parallel calls only the first is signed.
      ...calls.map((functionCall, i) =>
        i === 0 ? { functionCall, thoughtSignature: signatures.sign(functionCall) } : { functionCall }
      )
    ]
  }
  if (body.generationConfig?.["responseMimeType"] === "application/json") {
    return [{ text: JSON.stringify({ city: "Oslo", degrees: 3 }) }]
  }
  return [
    { text: "Let me think.", thought: true },
    { text: "Grüße, " },
    { text: "Welt 🌍", thoughtSignature: Buffer.from("text").toString("base64") }
  ]
}

const response = (candidate: Candidate) => ({
  candidates: [candidate],
  usageMetadata,
  modelVersion: "gemini-3.5-flash",
  responseId: "resp_1"
})

/** Replies to one request. */
const respond =
  (signatures: Signatures) => ({ body, headers, method, url }: LoopbackServer.Received): LoopbackServer.Reply => {
    const { pathname, searchParams } = new URL(url, "http://127.0.0.1")
    const [, model = "", call] = /^\/v1\/models\/([^:/]+)(?::(\w+))?$/.exec(pathname) ?? []
    if (headers["x-goog-api-key"] !== key) {
      return error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [
        { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID", domain: "googleapis.com" }
      ])
    }
    if (!model.startsWith("gemini-")) {
      return error(
        404,
        "NOT_FOUND",
        `models/${model} is not found for API version v1, or is not supported for generateContent.`
      )
    }
    if (method === "GET" && call === undefined) return { body: { name: `models/${model}` } }
    const request = body as Body
    const wrong = fault(request, model, signatures)
    if (wrong !== undefined) return wrong
    const said = JSON.stringify(request.contents.at(-1))
    const streams = call === "streamGenerateContent"
    const reply = (items: ReadonlyArray<object>): LoopbackServer.Reply =>
      streams && searchParams.get("alt") === "sse"
        ? { pieces: items.map((item) => `data: ${JSON.stringify(item)}\r\n\r\n`) }
        : { body: streams ? items : items[0] }
    if (said.includes("forbidden")) {
      return reply([{ promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, usageMetadata, responseId: "resp_1" }])
    }
    if (said.includes("overloaded")) {
      return error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
    }
    if (said.includes("recite")) {
      return reply([response({ index: 0, content: { role: "model", parts: [] }, finishReason: "RECITATION" })])
    }
    if (said.includes("malform")) {
      return reply([response({ index: 0, finishReason: "MALFORMED_FUNCTION_CALL" })])
    }
    const parts = answerOf(request, signatures)
    return reply(
      streams
        ? parts.map((part, i) =>
          response({
            index: 0,
            content: { role: "model", parts: [part] },
            ...(i === parts.length - 1 ? { finishReason: "STOP" } : {})
          })
        )
        : [response({ index: 0, content: { role: "model", parts }, finishReason: "STOP" })]
    )
  }

export const make = Effect.suspend(() => LoopbackServer.make(respond(new Signatures())))
