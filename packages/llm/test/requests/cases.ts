/**
 * Prompts in no vendor's words. `npm run sdk-requests` asks the vendors' own SDKs for each of them, and `requests.test.ts` asks
 * Holdfast's providers: the requests have to be the same.
 */

export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

export type UserPart =
  | { readonly type: "text"; readonly text: string }
  /** Bytes in base64, or a URL that the vendor fetches. */
  | { readonly type: "file"; readonly mediaType: string; readonly data: string; readonly name?: string }

export type AssistantPart =
  | { readonly type: "text"; readonly text: string }
  /** A thought that the model gets back: with the signature, where its vendor signs. */
  | { readonly type: "reasoning"; readonly text: string; readonly signature?: string }
  /** `input` is a text where the model wrote invalid JSON. */
  | {
    readonly type: "call"
    readonly id: string
    readonly name: string
    readonly input: JsonObject | string
    readonly signature?: string
  }

interface Result {
  readonly id: string
  readonly name: string
  readonly result: Json
  readonly isFailure?: boolean
}

export type Message =
  | { readonly role: "system"; readonly text: string }
  | { readonly role: "user"; readonly content: ReadonlyArray<UserPart> }
  | { readonly role: "assistant"; readonly content: ReadonlyArray<AssistantPart> }
  | { readonly role: "tool"; readonly results: ReadonlyArray<Result> }

export interface Tool {
  readonly name: string
  readonly description?: string
  readonly parameters: JsonObject
  readonly strict?: boolean
}

type Choice = "auto" | "none" | "required" | { readonly tool: string }

export interface Case {
  readonly messages: ReadonlyArray<Message>
  readonly tools?: ReadonlyArray<Tool>
  readonly choice?: Choice
  /** The schema of a structured answer. */
  readonly schema?: { readonly name: string; readonly schema: JsonObject }
  readonly stream?: boolean
}

const system = (text: string): Message => ({ role: "system", text })
const user = (...content: ReadonlyArray<UserPart | string>): Message => ({
  role: "user",
  content: content.map((part) => typeof part === "string" ? { type: "text", text: part } : part)
})
const assistant = (...content: ReadonlyArray<AssistantPart | string>): Message => ({
  role: "assistant",
  content: content.map((part) => typeof part === "string" ? { type: "text", text: part } : part)
})
const call = (id: string, name: string, input: JsonObject | string, signature?: string): AssistantPart => ({
  type: "call",
  id,
  name,
  input,
  ...(signature === undefined ? {} : { signature })
})
const results = (...results: ReadonlyArray<Result>): Message => ({ role: "tool", results })
const file = (mediaType: string, data: string, name?: string): UserPart => ({
  type: "file",
  mediaType,
  data,
  ...(name === undefined ? {} : { name })
})

const object = (properties: JsonObject, required: ReadonlyArray<string> = Object.keys(properties)): JsonObject => ({
  type: "object",
  properties,
  ...(required.length === 0 ? {} : { required }),
  additionalProperties: false
})
const city = object({ city: { type: "string" } })
const weather: Tool = { name: "weather", description: "The weather in a city", parameters: city }
const clock: Tool = { name: "clock", description: "The time", parameters: object({}) }
const oslo = call("call_1", "weather", { city: "Oslo" })
const sunny: Result = { id: "call_1", name: "weather", result: { sky: "clear", celsius: 7 } }

/** One pixel. */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
const jpeg = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA=="
const pdf = "JVBERi0xLjQKJSVFT0YK"
const wav = "UklGRiQAAABXQVZFZm10IA=="
const word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
const docx = "UEsDBBQ="
const mp4 = "AAAAGGZ0eXBtcDQy"
const plain = "R3LDvMOfZQ=="

const toolLoop = (...messages: ReadonlyArray<Message>): Case => ({
  messages: [user("Weather in Oslo?"), ...messages],
  tools: [weather]
})

export const cases: Readonly<Record<string, Case>> = {
  "a question": { messages: [user("Hello?")] },
  "a question, streamed": { messages: [user("Hello?")], stream: true },
  "a system message": { messages: [system("Be brief."), user("Hello?")] },
  "two system messages": { messages: [system("Be brief."), system("Be kind."), user("Hello?")] },
  "a conversation": { messages: [user("Hello?"), assistant("Hi."), user("Who are you?")] },
  "two texts of a user": { messages: [user("Hello?", "Anyone?")] },
  "two texts of an assistant": { messages: [user("Hello?"), assistant("Hi. ", "I am here."), user("Who are you?")] },
  "two messages of a user": { messages: [user("Hello?"), user("Anyone?")] },
  "a tool": { messages: [user("Weather in Oslo?")], tools: [weather] },
  "a tool, streamed": { messages: [user("Weather in Oslo?")], tools: [weather], stream: true },
  "a tool without parameters": { messages: [user("What time is it?")], tools: [clock] },
  "a tool without a description": {
    messages: [user("Weather in Oslo?")],
    tools: [{ name: "weather", parameters: city }]
  },
  "a strict tool": { messages: [user("Weather in Oslo?")], tools: [{ ...weather, strict: true }] },
  "a tool with an optional parameter": {
    messages: [user("Weather in Oslo?")],
    tools: [{ ...weather, parameters: object({ city: { type: "string" }, unit: { type: "string" } }, ["city"]) }]
  },
  "a tool with nested parameters": {
    messages: [user("Weather?")],
    tools: [{
      ...weather,
      parameters: object({
        places: { type: "array", items: object({ city: { type: "string" }, days: { type: "number" } }) },
        unit: { type: "string", enum: ["celsius", "fahrenheit"] }
      })
    }]
  },
  "two tools": { messages: [user("Weather and time?")], tools: [weather, clock] },
  "the choice none": { messages: [user("Weather in Oslo?")], tools: [weather], choice: "none" },
  "the choice required": { messages: [user("Weather in Oslo?")], tools: [weather], choice: "required" },
  "the choice of one tool": {
    messages: [user("Weather in Oslo?")],
    tools: [weather, clock],
    choice: { tool: "weather" }
  },
  "a call and its result": toolLoop(assistant(oslo), results(sunny)),
  "a text before a call": toolLoop(assistant("Let me look.", oslo), results(sunny)),
  "a result that is a text": toolLoop(assistant(oslo), results({ ...sunny, result: "clear, 7 °C" })),
  "a result without words": toolLoop(assistant(oslo), results({ ...sunny, result: "" })),
  "a failed call": toolLoop(assistant(oslo), results({ ...sunny, result: "No such city", isFailure: true })),
  "two calls at once": {
    messages: [
      user("Weather in Oslo and the time?"),
      assistant(oslo, call("call_2", "clock", {})),
      results(sunny, { id: "call_2", name: "clock", result: "12:00" })
    ],
    tools: [weather, clock]
  },
  "two rounds of calls": toolLoop(
    assistant(oslo),
    results(sunny),
    assistant(call("call_2", "weather", { city: "Rome" })),
    results({ id: "call_2", name: "weather", result: { sky: "rain", celsius: 12 } })
  ),
  "a call, its result and another question": toolLoop(
    assistant(oslo),
    results(sunny),
    assistant("Clear."),
    user("And Rome?")
  ),
  "arguments that are not JSON": toolLoop(
    assistant(call("call_1", "weather", "{\"city\": Oslo")),
    results({ ...sunny, result: "Invalid arguments", isFailure: true })
  ),
  "an id with signs of another vendor": toolLoop(
    assistant(call("functions.weather:0", "weather", { city: "Oslo" })),
    results({ ...sunny, id: "functions.weather:0" })
  ),
  "a thought given back": {
    messages: [
      user("Hello?"),
      assistant({ type: "reasoning", text: "They greet me.", signature: "c2ln" }, "Hi."),
      user("Who are you?")
    ]
  },
  "a thought before a call": toolLoop(
    assistant({ type: "reasoning", text: "I must look.", signature: "c2ln" }, oslo),
    results(sunny)
  ),
  "a signed call": toolLoop(assistant(call("call_1", "weather", { city: "Oslo" }, "c2ln")), results(sunny)),
  "an image": { messages: [user("What is this?", file("image/png", png))] },
  "an image of another kind": { messages: [user("What is this?", file("image/jpeg", jpeg))] },
  "an image by URL": { messages: [user("What is this?", file("image/png", "https://example.com/a.png"))] },
  "an image alone": { messages: [user(file("image/png", png))] },
  "an image of any kind": { messages: [user("What is this?", file("image/*", png))] },
  "a PDF": { messages: [user("Sum it up.", file("application/pdf", pdf, "report.pdf"))] },
  "a PDF without a name": { messages: [user("Sum it up.", file("application/pdf", pdf))] },
  "a PDF by URL": { messages: [user("Sum it up.", file("application/pdf", "https://example.com/a.pdf"))] },
  "a text file": { messages: [user("Sum it up.", file("text/plain", plain, "notes.txt"))] },
  "a Word file": { messages: [user("Sum it up.", file(word, docx, "report.docx"))] },
  "a Word file by URL": { messages: [user("Sum it up.", file(word, "https://example.com/a.docx"))] },
  "a video": { messages: [user("What happens?", file("video/mp4", mp4))] },
  "audio": { messages: [user("What is said?", file("audio/wav", wav))] },
  "a structured answer": {
    messages: [user("Who wrote it?")],
    schema: { name: "person", schema: object({ name: { type: "string" }, age: { type: "number" } }) }
  },
  "a structured answer, streamed": {
    messages: [user("Who wrote it?")],
    schema: { name: "person", schema: object({ name: { type: "string" }, age: { type: "number" } }) },
    stream: true
  },
  "a structured answer with lists": {
    messages: [user("Who wrote it?")],
    schema: {
      name: "people",
      schema: object({
        people: {
          type: "array",
          items: object({ name: { type: "string" }, role: { type: "string", enum: ["a", "b"] } })
        }
      })
    }
  },
  "a structured answer and a tool": {
    messages: [user("Who wrote it?")],
    tools: [weather],
    schema: { name: "person", schema: object({ name: { type: "string" } }) }
  }
}
