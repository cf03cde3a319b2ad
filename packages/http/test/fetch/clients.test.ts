/**
 * The clients of vendors, with their own retries off, over a resilient fetch: each asks a server whose first answer is a
 * failure, and gets the second.
 */
import Anthropic from "@anthropic-ai/sdk"
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as SmithyHandler from "@holdfast/http/SmithyHandler"
import * as UndiciFetch from "@holdfast/http/UndiciFetch"
import { GraphQLClient } from "graphql-request"
import ky from "ky"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import { Ollama } from "ollama"
import OpenAI from "openai"

const failures: ReadonlyArray<(response: Http.ServerResponse) => void> = [
  (response) => response.destroy(),
  (response) => response.writeHead(503, { "retry-after-ms": "1" }).end("later")
]
const bodies: Array<string> = []
let requests = 0

const chat = {
  id: "1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Good day" } }]
}
const message = {
  id: "1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [{ type: "text", text: "Good day" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 1, output_tokens: 1 }
}

const server = Http.createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    bodies.push(Buffer.concat(chunks).toString())
    // Every third request is answered.
    const fail = failures[requests++ % 3]
    if (fail !== undefined) return fail(response)
    const json = (value: object) => response.setHeader("content-type", "application/json").end(JSON.stringify(value))
    switch (new URL(request.url ?? "", "http://localhost").pathname) {
      case "/v1/chat/completions":
        if (bodies.at(-1)?.includes("\"stream\":true") !== true) return json(chat)
        response.setHeader("content-type", "text/event-stream")
        return response.end(
          `data: ${
            JSON.stringify({ ...chat, choices: [{ index: 0, delta: { content: "Good day" } }] })
          }\n\ndata: [DONE]\n\n`
        )
      case "/v1/messages":
        return json(message)
      case "/api/chat":
        return json({ model: "m", message: { role: "assistant", content: "Good day" }, done: true })
      case "/graphql":
        return json({ data: { stock: 3 } })
      case "/shop/stock.txt":
        return request.method === "PUT" ? response.end() : response.setHeader("content-type", "text/plain").end("three")
      default:
        return json({ left: 3 })
    }
  })
})

let url = ""
beforeAll(() =>
  new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      resolve()
    })
  })
)
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const retry = { times: 2, backoff: Backoff.constant({ delay: 1 }) }
// A generation that is asked for twice costs twice, and harms nothing.
const policy = { retry, idempotent: true } as const
const fetches = [["fetch", ResilientFetch.createFetch], ["undici", UndiciFetch.createFetch]] as const

describe.each(fetches)("over %s", (_, createFetch) => {
  const fetch = createFetch(policy)
  afterAll(() => fetch.close())

  const assertThird = async (use: () => Promise<unknown>, wanted: unknown) => {
    requests = 0
    bodies.length = 0
    assert.deepStrictEqual(await use(), wanted)
    assert.strictEqual(requests, 3)
    assert.deepStrictEqual(bodies, [bodies[0], bodies[0], bodies[0]])
  }

  it("openai", () =>
    assertThird(async () => {
      const client = new OpenAI({ apiKey: "k", baseURL: `${url}/v1`, maxRetries: 0, fetch })
      const answer = await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "Hi" }] })
      return answer.choices[0]?.message.content
    }, "Good day"))

  it("openai, streamed", () =>
    assertThird(async () => {
      const client = new OpenAI({ apiKey: "k", baseURL: `${url}/v1`, maxRetries: 0, fetch })
      const messages = [{ role: "user" as const, content: "Hi" }]
      let text = ""
      for await (const chunk of await client.chat.completions.create({ model: "m", stream: true, messages })) {
        text += chunk.choices[0]?.delta.content
      }
      return text
    }, "Good day"))

  it("@anthropic-ai/sdk", () =>
    assertThird(async () => {
      const client = new Anthropic({ apiKey: "k", baseURL: url, maxRetries: 0, fetch })
      const messages = [{ role: "user" as const, content: "Hi" }]
      const { content } = await client.messages.create({ model: "m", max_tokens: 9, messages })
      return content.map((block) => block.type === "text" ? block.text : "")
    }, ["Good day"]))

  it("ollama", () =>
    assertThird(async () => {
      const client = new Ollama({ host: url, fetch })
      return (await client.chat({ model: "m", messages: [{ role: "user", content: "Hi" }] })).message.content
    }, "Good day"))

  it("ky", async () => {
    const client = ky.create({ fetch, retry: 0 })
    await assertThird(() => client.get(`${url}/stock`).json(), { left: 3 })
    await assertThird(() => client.put(`${url}/stock`, { json: { left: 2 } }).json(), { left: 3 })
  })

  it("graphql-request", () =>
    assertThird(() => new GraphQLClient(`${url}/graphql`, { fetch }).request("{ stock }"), { stock: 3 }))

  it("@aws-sdk/client-s3", async () => {
    const client = new S3Client({
      endpoint: url,
      region: "eu-central-1",
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: "k", secretAccessKey: "s" },
      requestHandler: SmithyHandler.make(fetch)
    })
    const at = { Bucket: "shop", Key: "stock.txt" }
    await assertThird(async () => (await client.send(new GetObjectCommand(at))).Body?.transformToString(), "three")
    await assertThird(async () => {
      const { $metadata } = await client.send(new PutObjectCommand({ ...at, Body: "four" }))
      return $metadata.httpStatusCode
    }, 200)
    client.destroy()
  })
})

it("@aws-sdk/client-s3 uploads a stream once", async () => {
  await using fetch = UndiciFetch.createFetch(policy)
  const client = new S3Client({
    endpoint: url,
    region: "eu-central-1",
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: "k", secretAccessKey: "s" },
    requestHandler: SmithyHandler.make(fetch)
  })
  requests = 1
  const upload = client.send(
    new PutObjectCommand({
      Bucket: "shop",
      Key: "stock.txt",
      Body: Readable.from([Buffer.from("four")]),
      ContentLength: 4
    })
  )
  assert.strictEqual(await upload.then(() => "sent", (error) => error.$metadata?.httpStatusCode), 503)
  assert.strictEqual(requests, 2)
})
