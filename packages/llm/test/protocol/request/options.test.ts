/** The options of every provider: all faults in one `RangeError`, each with its path, and near misses named. */
import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaEmbedding from "@holdfast/llm/OllamaEmbedding"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiEmbedding from "@holdfast/llm/OpenAiEmbedding"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import { generate } from "../../providerOptions.ts"

/** A caller without types. */
type Make = (options: never) => unknown

const makers: ReadonlyArray<readonly [name: string, make: Make, needed: object]> = [
  ["OpenAiProvider", OpenAiProvider.make, {}],
  ["OpenAiResponsesProvider", OpenAiResponsesProvider.make, {}],
  ["AnthropicProvider", AnthropicProvider.make, {}],
  ["GeminiProvider", GeminiProvider.make, {}],
  ["BedrockProvider", BedrockProvider.make, { model: "m" }],
  ["OllamaProvider", OllamaProvider.make, {}],
  ["OpenAiEmbedding", OpenAiEmbedding.make, {}],
  ["OllamaEmbedding", OllamaEmbedding.make, {}]
]

const faults = (make: Make, options: object): string => {
  try {
    make(options as never)
  } catch (error) {
    assert.instanceOf(error, RangeError)
    return error.message
  }
  return "none"
}

describe.each(makers)("%s", (name, make, needed) => {
  it("lists all faults by path, and names what was meant", () => {
    const message = faults(make, { ...needed, name: "", headers: 3, parameters: { a: { b: () => 1 } }, modle: "m" })
    assert.isTrue(message.startsWith(`${name}.make: 4 options are invalid: `), message)
    assert.include(message, "name must be a string that is not empty, got \"\"")
    assert.include(message, "headers must be an object of headers, got 3")
    assert.include(message, "parameters.a.b must be JSON, got ")
    assert.include(message, "modle is not an option (`modle`: did you mean `model`?)")
  })

  it("shows no key, whatever it is", () => {
    const message = faults(make, { ...needed, apiKey: "sk-secret" })
    assert.include(message, `${name}.make: apiKey must be a Redacted string`)
    assert.notInclude(message, "sk-secret")
  })

  it("takes no key that is empty", () => {
    for (const empty of ["", " "]) {
      assert.include(faults(make, { ...needed, apiKey: Redacted.make(empty) }), "apiKey must not be empty")
    }
  })

  it("takes what it knows", () => {
    assert.strictEqual(
      faults(make, { ...needed, name: "n", headers: { a: "b" }, parameters: { a: [1, null, { b: "c" }] } }),
      "none"
    )
  })
})

const faulty: ReadonlyArray<readonly [what: string, make: Make, options: object, message: string]> = [
  [
    "a location",
    GeminiProvider.make,
    { location: "clowd" },
    "GeminiProvider.make: location must be \"cloud\" or \"local\", got \"clowd\": did you mean \"cloud\"?"
  ],
  [
    "a capability",
    OpenAiProvider.make,
    { capabilities: { tools: "yes", contextWindow: 0, image: true } },
    "OpenAiProvider.make: 3 options are invalid: capabilities.tools must be true or false, got \"yes\"; " +
    "capabilities.contextWindow must be a whole number of 1 or more, got 0; " +
    "capabilities.image is not an option (`image`: did you mean `images`?)"
  ],
  [
    "a URL",
    AnthropicProvider.make,
    { baseUrl: "ftp://x", maxTokens: 0 },
    "AnthropicProvider.make: 2 options are invalid: baseUrl must be an http or https URL, got \"ftp://x\"; " +
    "maxTokens must be a whole number of 1 or more, got 0"
  ],
  [
    "a preset",
    OpenAiProvider.make,
    { preset: "grok" },
    "OpenAiProvider.make: preset must be "
  ],
  [
    "what a preset needs",
    OpenAiProvider.make,
    { preset: "azure" },
    "OpenAiProvider.make: 2 options are invalid: baseUrl must be given for the preset \"azure\", as "
  ],
  [
    "a host, a duration and a level",
    OllamaProvider.make,
    { host: "http://", keepAlive: "5 minuets", numCtx: 1.5, think: "hgih" },
    "OllamaProvider.make: 4 options are invalid: think must be "
  ],
  [
    "credentials",
    BedrockProvider.make,
    { credentials: { accessKeyId: "AKIA", secretAccessKey: Redacted.make("s") }, region: "eu central" },
    "BedrockProvider.make: 3 options are invalid: model must be a string that is not empty, got undefined; " +
    "region must be the name of an AWS region, got \"eu central\"; " +
    "credentials.accessKeyId must be a Redacted string, as Redacted.make makes one, got something else"
  ],
  [
    "sizes",
    OpenAiEmbedding.make,
    { dimensions: 0, batchSize: 1.5 },
    "OpenAiEmbedding.make: 2 options are invalid: dimensions must be a whole number of 1 or more, got 0; " +
    "batchSize must be a whole number of 1 or more, got 1.5"
  ],
  [
    "a switch",
    OpenAiResponsesProvider.make,
    { store: 1 },
    "OpenAiResponsesProvider.make: store must be true or false, got 1"
  ]
]

it.each(faulty)("rejects %s", (_, make, options, message) => {
  assert.isTrue(faults(make, options).startsWith(message), faults(make, options))
})

const keeps: ReadonlyArray<readonly [OllamaProvider.Options["keepAlive"], number]> = [
  ["30s", 30],
  ["1m 30s", 90],
  ["2 minutes", 120],
  [1500, 1.5],
  [Infinity, -1]
]

it.effect.each(keeps)("keeps a model of Ollama's for %s", ([keepAlive, seconds]) =>
  Effect.gen(function*() {
    let sent: unknown
    const client = HttpClient.make((request) =>
      Effect.sync(() => {
        sent = request.body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(request.body.body)) : undefined
        const line = { message: { content: "Hi" }, done: true, done_reason: "stop" }
        return HttpClientResponse.fromWeb(request, new Response(JSON.stringify(line)))
      })
    )
    const provider = yield* Effect.provideService(OllamaProvider.make({ keepAlive }), HttpClient.HttpClient, client)
    yield* generate(provider)
    assert.strictEqual((sent as { readonly keep_alive?: number }).keep_alive, seconds)
  }))
