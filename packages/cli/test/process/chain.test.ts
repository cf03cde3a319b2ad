/** A chain in a file: what `check` says of it, and what `doctor` and `chat` make of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as OllamaServer from "../../src/demo/OllamaServer.ts"
import * as OpenAiServer from "../../src/demo/OpenAiServer.ts"
import type { Diagnosis } from "../../src/doctor/Diagnosis.ts"
import * as EmbeddingServer from "./EmbeddingServer.ts"
import * as Holdfast from "./holdfast.ts"

const fileOf = (text: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync(join(tmpdir(), "holdfast-"))
      writeFileSync(join(path, "llm.yaml"), text)
      return join(path, "llm.yaml")
    }),
    (path) => Effect.sync(() => rmSync(join(path, ".."), { recursive: true }))
  )

const chain = `
llm:
  provider_priority: [openai, vllm, ollama]
  http: { timeout: 30.0, max_retries: 3, initial_retry_delay: 1.0 }
  providers:
    openai: { timeout: 60.0 }
    groq: { timeout: 5, bulkhead: { limit: 3 } }
  prices: known
  budgets:
    - { by: user, limit: { cost: 5 }, window: 1 day, when_spent: cheapest }
    - { limit: { tokens: 1000 }, window: 3600 }
`

describe("a chain in a file", { timeout: 60_000 }, () => {
  it.live("is described in words, with the environment", () =>
    Effect.gen(function*() {
      const file = yield* fileOf(chain)
      const env = { OPENAI_API_KEY: "sk-secret", LLM_RETRY_ATTEMPTS: "2", PROVIDER_PRIORITY: " " }
      const { code, stderr, stdout } = yield* Holdfast.run(["check", "--as", "llm", file], env)
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /1 openai +OPENAI_API_KEY is set\n +retry +up to 1 retry [^]*interrupted after 1m\n/u)
      assert.match(stdout, /It is asked at most 2 times\. A stream takes at most 1m to its first content/u)
      assert.match(stdout, /2 ollama [^]*interrupted after 10m[^]*· vllm +neither VLLM_MODEL[^]*Set VLLM_MODEL/u)
      assert.match(stdout, /· groq [^]*3 calls run at the same time[^]*Add groq to PROVIDER_PRIORITY/u)
      assert.match(stdout, /prices +those that vendors publish\n/u)
      assert.match(stdout, /each user may take a cost of 5 in any 1d; then only the cheapest provider is asked\n/u)
      assert.match(stdout, /all requests together may take 1000 tokens in any 1h; then requests fail\n/u)
      assert.notInclude(stdout, "sk-secret")

      const json = yield* Holdfast.run(["check", "--as", "llm", "--json", file], env)
      const { providers } = JSON.parse(json.stdout) as {
        readonly providers: ReadonlyArray<{
          readonly provider: string
          readonly chosen: boolean
          readonly firstContentMillis: number
          readonly policy: { readonly attempts: number }
        }>
      }
      assert.deepStrictEqual(
        providers.filter(({ chosen }) => chosen).map((one) => [
          one.provider,
          one.policy.attempts,
          one.firstContentMillis
        ]),
        [["openai", 2, 60_000], ["ollama", 2, 300_000]]
      )
    }))

  it.live("has embeddings, whose members are told, tried, and compared", () =>
    Effect.gen(function*() {
      const vectors = yield* EmbeddingServer.make
      const file = yield* fileOf(`
llm:
  embeddings:
    members:
      - { provider: openai, key: ABSENT_KEY, model: m }
      - { provider: vllm, model: m, base_url: "${vectors.url(2)}" }
      - { provider: llamacpp, model: m, base_url: "${vectors.url(3)}" }
      - { provider: lmstudio, model: m, base_url: "${vectors.url(0)}" }
      - { provider: ollama, name: rack, model: m, base_url: "${vectors.url(2)}" }
`)
      const { stdout } = yield* Holdfast.run(["check", "--as", "llm", file])
      assert.match(
        stdout,
        /^ {2}embeddings\n {4}openai +for m; ABSENT_KEY is not set, so it is left out\. Set ABSENT_KEY/mu
      )
      assert.match(stdout, /^ {4}rack +asks ollama for m; llm\.embeddings has it$/mu)
      assert.match(stdout, /^ {4}vectors +of the model's own length, .*; the members must serve one model$/mu)
      const json = yield* Holdfast.run(["check", "--as", "llm", "--json", file])
      const { embeddings } = JSON.parse(json.stdout)
      assert.deepStrictEqual(
        embeddings.members.map(({ chosen, name }: { chosen: boolean; name: string }) => [name, chosen]),
        [["openai", false], ["vllm", true], ["llamacpp", true], ["lmstudio", true], ["rack", true]]
      )
      const doctor = yield* Holdfast.run(["doctor", "--config", file])
      assert.match(doctor.stdout, /^ {2}2 ✓ vllm\/m .*\n {6}gives vectors of 2 numbers in \d+ ms$/mu)
      assert.match(doctor.stdout, /^ {2}3 ✗ llamacpp\/m .*\n {6}its vectors have 3 numbers, and those of vllm 2\./mu)
      assert.match(doctor.stdout, /^ {2}4 ✗ lmstudio\/m .*\n {6}.*no such route/mu)
      assert.match(doctor.stdout, /^ {2}5 ✓ rack\/m .*\n {6}gives vectors of 2 numbers in \d+ ms$/mu)
      assert.deepStrictEqual(vectors.texts(), ["hello", "hello", "hello", "hello"])
    }))

  it.live("is refused with path and reason, by the file or with the environment, wherever it is named", () =>
    Effect.gen(function*() {
      const bad = yield* fileOf("llm: { http: { timeuot: 3 }, providers: { olama: {} } }")
      const checked = yield* Holdfast.run(["check", "--as", "llm", bad])
      assert.deepStrictEqual([checked.code, checked.stderr], [1, ""])
      assert.match(checked.stdout, /^ +llm\.http\.timeuot +is not an option \(`timeuot`: did you mean `timeout`\?\)$/mu)
      assert.match(checked.stdout, /^ +llm\.providers\.olama +is not an option \(`olama`: did you mean `ollama`\?\)$/mu)
      for (const command of [["doctor"], ["chat", "hello"]]) {
        const { code, stderr, stdout } = yield* Holdfast.run([...command, "--config", bad])
        assert.deepStrictEqual([code, stdout], [2, ""])
        assert.match(
          stderr,
          /^holdfast: [^\n]*is not a valid chain: llm\.http\.timeuot: is not an option[^\n]*\n$/u
        )
      }
      const meant = yield* fileOf("llm: { http: { timeout: -1 }, provider_priority: [absent] }")
      const { stdout } = yield* Holdfast.run(["check", "--as", "llm", meant])
      assert.match(stdout, /^ +llm\.provider_priority\.0 +must be one of "openai"[^\n]*, got "absent"$/mu)
      assert.notInclude(stdout, "undefined")
      const good = yield* fileOf(chain)
      const together = yield* Holdfast.run(["check", "--as", "llm", good], { LLM_RETRY_ATTEMPTS: "0" })
      assert.strictEqual(together.code, 1)
      assert.include(together.stdout, "with the environment: LLM_RETRY_ATTEMPTS must be a whole number of 1 or more")
      const missing = yield* Holdfast.run(["chat", "--config", `${good}.none`, "hello"])
      assert.deepStrictEqual([missing.code, missing.stderr], [2, `holdfast: there is no file ${good}.none\n`])
    }))

  it.live("is asked, and looked at, where nothing is set", () =>
    Effect.gen(function*() {
      const ollama = yield* OllamaServer.make({ pace: 0 })
      const file = yield* fileOf(
        `llm: { models: { ollama: "${OllamaServer.model}" }, base_urls: { ollama: "${ollama.url}" }, ` +
          "providers: { ollama: { max_connections: 1, headers: { x-team: search } } } }"
      )
      const env = { OLLAMA_MODEL: "", OLLAMA_HOST: " " }
      const doctor = yield* Holdfast.run(["doctor", "--json", "--config", file], env)
      const diagnosis = JSON.parse(doctor.stdout) as {
        readonly order: ReadonlyArray<string>
        readonly refused?: string
      }
      assert.deepStrictEqual([diagnosis.order, diagnosis.refused], [[`ollama/${OllamaServer.model}`], undefined])
      const chat = yield* Holdfast.run(["chat", "--config", file, "Why is the sky blue?"], env)
      assert.deepStrictEqual([chat.code, chat.stdout.trim() !== ""], [0, true], chat.stderr)
    }))

  it.live("has its pools, hedges and repairs told in words, and each member tried by itself", () =>
    Effect.gen(function*() {
      const openai = yield* OpenAiServer.make({ seed: 1, pace: 0 })
      const file = yield* fileOf(`
llm:
  provider_priority: [keys]
  hedge: { after: { quantile: 0.95 } }
  repair: true
  parameters: { temperature: 0 }
  pools:
    keys:
      strategy: inOrder
      members:
        - { provider: openai, key: KEY_1, base_url: "${openai.baseUrl}", model: ${OpenAiServer.model}, requests_per_minute: 5 }
        - { provider: openai, key: KEY_2, base_url: "http://127.0.0.1:9/v1", model: ${OpenAiServer.model} }
        - { provider: openai, key: KEY_3 }
`)
      const env = { KEY_1: "sk-secret-1", KEY_2: "sk-secret-2" }
      const checked = yield* Holdfast.run(["check", "--as", "llm", file], env)
      assert.deepStrictEqual([checked.code, checked.stderr], [0, ""])
      const words = checked.stdout.replaceAll(/\s+/gu, " ")
      for (
        const said of [
          "1 keys-1 KEY_1 is set",
          `It is a member of the pool "keys", which asks the earliest first, and it asks openai for ${OpenAiServer.model}.`,
          "It may take 5 requests a minute.",
          "If it takes longer than 95 % of its answers so far, the next provider is asked as well.",
          "An answer that does not follow its schema is repaired by the same model, 1 time at most.",
          "It is asked with temperature 0.",
          "It is left out. Set KEY_3 to the key of this member"
        ]
      ) assert.include(words, said)

      const doctor = yield* Holdfast.run(["doctor", "--json", "--config", file], env)
      const diagnosis = JSON.parse(doctor.stdout) as Diagnosis
      assert.deepStrictEqual(diagnosis.order, [`keys-1/${OpenAiServer.model}`])
      assert.deepStrictEqual(
        diagnosis.providers.filter(({ pool }) => pool === "keys").map(({ check, provider }) => [provider, check._tag]),
        [["keys-1", "Ready"], ["keys-2", "Failed"], ["keys-3", "NotChecked"]]
      )
      assert.deepStrictEqual(
        diagnosis.settings.filter(({ name }) => name.startsWith("KEY_")).map(({ name, state }) => [name, state]),
        [["KEY_1", "set"], ["KEY_2", "set"], ["KEY_3", "not set"]]
      )
      const chat = yield* Holdfast.run(["chat", "--config", file, "hello"], env)
      assert.strictEqual(chat.code, 0)
      assert.include(chat.stdout + chat.stderr, `keys-1/${OpenAiServer.model}`)
      for (const { stderr, stdout } of [checked, doctor, chat]) assert.notInclude(stdout + stderr, "sk-secret")
    }))
})
