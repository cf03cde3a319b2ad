/** `holdfast doctor` promises what `holdfast chat` then does, whatever the settings, the file, the network and the servers are. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Name, Server, World } from "./world.ts"
import { agree, envOf } from "./world.ts"

const answers: Server = { _tag: "Answers" }
const both = { ollama: answers, openai: answers } as const

/** Addresses to probe: the server that is there decides whether the machine is online. */
const probed = { groq: "https://api.groq.com/openai/v1", openrouter: "https://openrouter.ai/api/v1" } as const

describe("settings", () => {
  const invalid: ReadonlyArray<readonly [what: string, env: World["env"], says: RegExp]> = [
    ["a priority that names a stranger", { PROVIDER_PRIORITY: "openai,grok" }, /"grok", which is not a provider/u],
    ["a priority that names no provider", { PROVIDER_PRIORITY: " , " }, /PROVIDER_PRIORITY names no provider/u],
    ["an address that is not a URL", { OPENAI_BASE_URL: "not a url" }, /baseUrl must be an http or https URL/u],
    ["a host with another scheme", { OLLAMA_HOST: "ftp://there" }, /host must be a URL or host:port/u],
    ["a count of attempts in words", { LLM_RETRY_ATTEMPTS: "many" }, /LLM_RETRY_ATTEMPTS must be a whole number/u],
    ["a negative wait", { LLM_RETRY_MIN_WAIT: "-1" }, /LLM_RETRY_MIN_WAIT must be/u],
    ["a multiplier of zero", { LLM_RETRY_MULTIPLIER: "0" }, /LLM_RETRY_MULTIPLIER must be/u],
    ["a count of rounds in words", { LLM_MAX_TOOL_ITERATIONS: "none" }, /LLM_MAX_TOOL_ITERATIONS must be/u],
    ["a probe's timeout in words", { CONNECTIVITY_TIMEOUT_MS: "soon" }, /CONNECTIVITY_TIMEOUT_MS must be/u],
    ["a probe's address that is not a URL", { CONNECTIVITY_CHECK_URL: "here" }, /Connectivity\.make: url must be/u]
  ]

  it.effect.each(invalid)("%s: both end with 2 and the same words", ([, env, says]) =>
    Effect.gen(function*() {
      const { exitCode, refused } = yield* agree({ env: { ...envOf("openai", "ollama"), ...env }, servers: both })
      assert.strictEqual(exitCode, 2)
      assert.match(refused ?? "", says)
    }))

  it.effect("no provider at all: both end with 2", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* agree({ env: {}, servers: both })).exitCode, 2)
      assert.strictEqual((yield* agree({ env: { OPENAI_API_KEY: " " }, servers: both })).exitCode, 2)
    }))
})

describe("servers", () => {
  it.effect("a name in the priority without its key is passed by", () =>
    Effect.gen(function*() {
      const { order } = yield* agree({ env: { ...envOf("openai", "ollama"), OPENAI_API_KEY: "" }, servers: both })
      assert.deepStrictEqual(order, ["ollama/m"])
    }))

  it.effect("a machine that is offline asks its own servers alone", () =>
    Effect.gen(function*() {
      const env = { ...envOf("openai", "ollama"), CONNECTIVITY_CHECK_URL: probed.groq }
      assert.deepStrictEqual((yield* agree({ env, servers: both })).order, ["ollama/m"])
      assert.strictEqual((yield* agree({ env, servers: { openai: answers } })).exitCode, 1)
    }))

  it.effect("a gateway gets the headers that the file has for it from both", () =>
    Effect.gen(function*() {
      const env = envOf("openai")
      const servers = { openai: { _tag: "Answers", wants: "x-team" } } as const
      assert.strictEqual((yield* agree({ env, servers })).exitCode, 1)
      const file = "llm: { providers: { openai: { headers: { x-team: search } } } }"
      assert.deepStrictEqual((yield* agree({ env, servers, file })).order, ["openai/m"])
    }))

  it.effect("an alias that Anthropic knows and does not list is a model", () =>
    Effect.gen(function*() {
      const servers = { anthropic: { _tag: "Answers", lists: "m-20260101" } } as const
      assert.deepStrictEqual((yield* agree({ env: envOf("anthropic"), servers })).order, ["anthropic/m"])
    }))

  it.effect("a file that is not a chain's ends both with 2", () =>
    Effect.gen(function*() {
      const file = "llm: { providers: { openai: { hedge: { after: 1 } } } }"
      const { exitCode, refused } = yield* agree({ env: envOf("openai"), servers: both, file })
      assert.strictEqual(exitCode, 2)
      assert.match(refused ?? "", /hedge has no meaning here/u)
    }))

  const States = Schema.Literals(["answers", "absent", "key", "quota", "busy", "policy", "unknown", "invalid", "page"])
  const serverOf = (state: typeof States.Type): Server => {
    const refuses = (status: number, body: unknown): Server => ({ _tag: "Refuses", status, body })
    const error = (code: string, message = "no") => ({ error: { message, code, type: code } })
    switch (state) {
      case "answers":
        return answers
      case "absent":
        return { _tag: "Absent" }
      case "key":
        return refuses(401, error("invalid_api_key"))
      case "quota":
        return refuses(429, error("insufficient_quota"))
      case "busy":
        return refuses(503, error("overloaded_error", "overloaded"))
      case "policy":
        return refuses(400, error("content_policy_violation"))
      case "unknown":
        return refuses(400, "what is this")
      case "invalid":
        return refuses(422, error("invalid_request_error", "messages: field required"))
      case "page":
        return refuses(502, "<html><body><h1>502 Bad Gateway</h1></body></html>")
    }
  }
  const named: ReadonlyArray<Name> = ["openai", "anthropic", "groq", "vllm", "ollama"]
  let beyond = 0

  it.effect.prop("doctor and chat agree in every world (150 cases)", {
    states: Schema.Array(States).check(Schema.isMinLength(5), Schema.isMaxLength(5)),
    asked: Schema.Array(Schema.Literals([0, 1, 2, 3, 4])).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
    probe: Schema.Literals(["none", "none", "online", "offline"])
  }, ({ asked, probe, states }) =>
    Effect.gen(function*() {
      const names = [...new Set(asked)].flatMap((index) => named[index] ?? [])
      const servers = Object.fromEntries(named.map((name, i) => [name, serverOf(states[i] ?? "absent")]))
      const env = {
        ...envOf(...names),
        ...(probe !== "none" && { CONNECTIVITY_CHECK_URL: probed.openrouter })
      }
      const world = { env, servers: { ...servers, openrouter: serverOf(probe === "online" ? "key" : "absent") } }
      const { exitCode, order } = yield* agree(world)
      if (exitCode === 1 || order[0] !== `${names[0]}/m`) beyond++
    }), { arbitrary: { runs: 150, seed: "doctor and chat" }, timeout: 120_000 })

  it("the law has met worlds in which the first provider does not answer", () => {
    assert.isAbove(beyond, 50)
  })
})
