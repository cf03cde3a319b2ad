import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Act from "../../src/demo/Act.ts"
import * as AnthropicServer from "../../src/demo/AnthropicServer.ts"
import * as LoopbackServer from "../../src/demo/LoopbackServer.ts"
import * as OllamaServer from "../../src/demo/OllamaServer.ts"
import * as OpenAiServer from "../../src/demo/OpenAiServer.ts"
import type { Diagnosis } from "../../src/doctor/Diagnosis.ts"
import * as Holdfast from "./holdfast.ts"

const key = "sk-secret-of-the-test"

const servers = Effect.gen(function*() {
  const openai = yield* OpenAiServer.make({ seed: 1, pace: 0 })
  const anthropic = yield* AnthropicServer.make({ seed: 1, pace: 0 })
  const ollama = yield* OllamaServer.make({ pace: 0 })
  return {
    openai,
    anthropic,
    ollama,
    env: {
      OPENAI_API_KEY: `${key}-1`,
      OPENAI_BASE_URL: openai.baseUrl,
      OPENAI_MODEL: OpenAiServer.model,
      ANTHROPIC_API_KEY: `${key}-2`,
      ANTHROPIC_BASE_URL: anthropic.baseUrl,
      ANTHROPIC_MODEL: AnthropicServer.model,
      OLLAMA_HOST: ollama.url,
      OLLAMA_MODEL: OllamaServer.model
    }
  }
})

const gone = Act.all.find((act) => act.name === "gone")!

const json = (env: Record<string, string>, ...args: ReadonlyArray<string>) =>
  Effect.map(Holdfast.run(["doctor", "--json", ...args], env), (ended) => {
    assert.notInclude(ended.stdout + ended.stderr, key)
    assert.strictEqual(ended.stderr, "")
    return { code: ended.code, diagnosis: JSON.parse(ended.stdout) as Diagnosis }
  })

const of = (diagnosis: Diagnosis, name: string) => diagnosis.providers.find(({ provider }) => provider === name)!

describe("holdfast doctor", { timeout: 60_000 }, () => {
  it.live("says who is asked in which order, how fast each is, and what each can do", () =>
    Effect.gen(function*() {
      const { anthropic, env, ollama, openai } = yield* servers
      const ended = yield* Holdfast.run(["doctor"], { ...env, PROVIDER_PRIORITY: "anthropic,ollama,openai" })
      assert.deepStrictEqual([ended.code, ended.stderr], [0, ""])
      assert.match(
        ended.stdout,
        /1 ✓ anthropic\/cloud-sonnet [^]*answers in \d+ ms[^]*2 ✓ ollama\/llama3\.2:3b [^]*3 ✓ openai\/cloud-large/u
      )
      assert.include(ended.stdout, "version 0.13.0; does tools, structured output; a context of up to 131072 tokens")
      assert.include(
        ended.stdout,
        "A question goes to anthropic/cloud-sonnet; if that fails, to ollama/llama3.2:3b, then to openai/cloud-large."
      )
      assert.match(ended.stdout, /OPENAI_API_KEY +set\n/u)
      assert.match(ended.stdout, /PROVIDER_PRIORITY +anthropic,ollama,openai\n/u)
      assert.notInclude(ended.stdout + ended.stderr, key)
      assert.notInclude(ended.stdout, "\u001b")
      assert.isTrue(ended.stdout.split("\n").every((line) => line === line.trimEnd()))
      // Looking costs no tokens: the requests of a preflight and of a list, and none for an answer.
      assert.deepStrictEqual(
        yield* Effect.all([openai.requests, anthropic.requests, ollama.requests]),
        [2, 2, 4]
      )
    }))

  it.live("says the same as data", () =>
    Effect.gen(function*() {
      const { env } = yield* servers
      const { code, diagnosis } = yield* json(env)
      assert.strictEqual(code, 0)
      assert.isTrue(diagnosis.usable)
      assert.deepStrictEqual([...diagnosis.order], [
        "openai/cloud-large",
        "anthropic/cloud-sonnet",
        "ollama/llama3.2:3b"
      ])
      assert.deepStrictEqual([...of(diagnosis, "openai").models ?? []], ["cloud-large"])
      assert.strictEqual(of(diagnosis, "ollama").capabilities?.contextWindow, 131_072)
      assert.isTrue(
        diagnosis.providers.filter(({ chosen }) => chosen).every(({ check }) =>
          check._tag === "Ready" && check.millis > 0
        )
      )
      const setting = diagnosis.settings.find(({ name }) => name === "OPENAI_API_KEY")
      assert.deepStrictEqual([setting?.state, setting?.value], ["set", undefined])
    }))

  it.live("says why a provider would not answer, and counts on the others", () =>
    Effect.gen(function*() {
      const { env, openai } = yield* servers
      yield* openai.play(gone)
      const { code, diagnosis } = yield* json({ ...env, ANTHROPIC_MODEL: "other", OLLAMA_MODEL: "absent" })
      assert.deepStrictEqual([code, diagnosis.usable], [1, false])
      const because = (name: string) => {
        const { check } = of(diagnosis, name)
        return check._tag === "Failed" ? check.because : assert.fail(`${name}: ${check._tag}`)
      }
      assert.match(because("openai"), /connection refused/u)
      assert.include(because("anthropic"), "\"other\"")
      assert.match(because("ollama"), /ollama pull absent/u)

      const { code: code2, diagnosis: better } = yield* json({ ...env, ANTHROPIC_MODEL: "other" })
      assert.deepStrictEqual([code2, [...better.order]], [0, ["ollama/llama3.2:3b"]])
    }))

  it.live("knows a model that OpenAI does not list", () =>
    Effect.gen(function*() {
      const { env } = yield* servers
      const { diagnosis } = yield* json({ ...env, OPENAI_MODEL: "gpt-0" })
      const { check } = of(diagnosis, "openai")
      assert.strictEqual(
        check._tag === "Failed" ? check.because : "",
        "there is no model \"gpt-0\". There are cloud-large"
      )
    }))

  it.live("says what to set when no provider is configured, and looks for Ollama anyway", () =>
    Effect.gen(function*() {
      const ended = yield* Holdfast.run(["doctor"], { OPENAI_API_KEY: " " })
      assert.deepStrictEqual([ended.code, ended.stderr], [2, ""])
      assert.match(ended.stdout, /openai .*OPENAI_API_KEY is blank\n +Set OPENAI_API_KEY/u)
      assert.match(ended.stdout, /anthropic .*neither ANTHROPIC_API_KEY nor [^]*Set ANTHROPIC_API_KEY/u)
      assert.match(ended.stdout, /ollama\S* +local +neither OLLAMA_MODEL [^]*Set OLLAMA_MODEL/u)
      assert.match(ended.stdout, /No provider is configured/u)

      const { ollama, env } = yield* servers
      const { code, diagnosis } = yield* json({ ...env, PROVIDER_PRIORITY: "openai" })
      assert.deepStrictEqual([code, [...diagnosis.order]], [0, ["openai/cloud-large"]])
      assert.deepStrictEqual(
        [of(diagnosis, "ollama").chosen, of(diagnosis, "ollama").check._tag],
        [false, "Ready"]
      )
      assert.strictEqual(yield* ollama.requests, 4)
    }))

  it.live("sends a cloud nothing when this machine is offline", () =>
    Effect.gen(function*() {
      const { anthropic, env, openai } = yield* servers
      const probe = yield* LoopbackServer.make((exchange) => exchange.json(200, {}))
      const online = yield* json({ ...env, CONNECTIVITY_CHECK_URL: `${probe.url}/?token=${key}` })
      assert.strictEqual(online.diagnosis.network._tag, "Online")
      const before = yield* Effect.all([openai.requests, anthropic.requests])
      yield* probe.close
      const { code, diagnosis } = yield* json({ ...env, CONNECTIVITY_CHECK_URL: probe.url })
      assert.deepStrictEqual([code, [...diagnosis.order]], [0, ["ollama/llama3.2:3b"]])
      assert.strictEqual(diagnosis.network._tag, "Offline")
      assert.deepStrictEqual(of(diagnosis, "openai").check, {
        _tag: "NotChecked",
        because: "this machine is offline, so no cloud is asked"
      })
      assert.deepStrictEqual(yield* Effect.all([openai.requests, anthropic.requests]), before)
    }))

  it.live("waits for no provider longer than it was told to", () =>
    Effect.gen(function*() {
      const { env } = yield* servers
      const silent = yield* LoopbackServer.make(() => Effect.never)
      // The others may not answer in time either: that is about the machine, and not about this.
      const { diagnosis } = yield* json({ ...env, OPENAI_BASE_URL: `${silent.url}/v1` }, "--timeout", "0.2")
      const { check } = of(diagnosis, "openai")
      assert.isTrue(check._tag === "Failed" && check.because === "no answer within 200ms" && check.millis >= 200)
    }))

  it.live("shows no user, password or query of an address, and no key that a server repeats", () =>
    Effect.gen(function*() {
      const { env } = yield* servers
      const parrot = yield* LoopbackServer.make((exchange) =>
        exchange.json(401, { error: { message: `bad key ${exchange.headers.authorization ?? ""}`, code: "invalid" } })
      )
      const url = parrot.url.replace("://", `://user:${key}@`)
      const { code, diagnosis } = yield* json({ ...env, OPENAI_BASE_URL: `${url}/v1` })
      assert.strictEqual(code, 0)
      assert.strictEqual(of(diagnosis, "openai").check._tag, "Failed")
      assert.strictEqual(
        diagnosis.settings.find(({ name }) => name === "OPENAI_BASE_URL")?.value,
        `${parrot.url}/v1`
      )
    }))

  it.live("shows no password of an address that does not answer, or is not an address", () =>
    Effect.gen(function*() {
      const { env } = yield* servers
      const { diagnosis } = yield* json({
        ...env,
        OPENAI_BASE_URL: `http://user:${key}@127.0.0.1:9/v1`,
        ANTHROPIC_BASE_URL: `htp://user:${key}@127.0.0.1:9`,
        OLLAMA_HOST: `http://user:${key}@127.0.0.1:9`
      })
      const because = (name: string) => {
        const { check } = of(diagnosis, name)
        return check._tag === "Failed" ? check.because : ""
      }
      assert.include(because("openai"), "http://127.0.0.1:9/v1")
      assert.include(because("anthropic"), "htp://127.0.0.1:9")
      assert.include(because("ollama"), "http://127.0.0.1:9")
    }))

  it.live("refuses unusable settings with one line", () =>
    Effect.gen(function*() {
      const cases = [
        { env: { PROVIDER_PRIORITY: "openai,grok" }, args: [], says: /"grok", which is not a provider/u },
        { env: { CONNECTIVITY_TIMEOUT_MS: "soon" }, args: [], says: /CONNECTIVITY_TIMEOUT_MS must be/u },
        { env: {}, args: ["--timeout", "0"], says: /--timeout must be a number of seconds above zero, got 0/u }
      ]
      for (const { args, env, says } of cases) {
        const ended = yield* Holdfast.run(["doctor", ...args], env)
        assert.deepStrictEqual([ended.code, ended.stdout], [2, ""])
        assert.match(ended.stderr, /^[^\n]+\n$/u)
        assert.match(ended.stderr, says)
      }
    }))

  it.live("reports settings that make no chain, and checks every provider anyway", () =>
    Effect.gen(function*() {
      const { env } = yield* servers
      const wrong = yield* json({ ...env, OPENAI_BASE_URL: "not a url" })
      assert.deepStrictEqual([wrong.code, [...wrong.diagnosis.order]], [2, []])
      assert.match(wrong.diagnosis.refused ?? "", /baseUrl must be an http or https URL/u)
      const { check } = of(wrong.diagnosis, "openai")
      assert.match(check._tag === "Failed" ? check.because : "", /baseUrl must be an http or https URL/u)
      assert.strictEqual(of(wrong.diagnosis, "anthropic").check._tag, "Ready")

      const ended = yield* Holdfast.run(["doctor"], { ...env, LLM_RETRY_ATTEMPTS: "many" })
      assert.strictEqual(ended.code, 2)
      assert.match(ended.stdout, /No provider is asked, because the settings are invalid: LLM_RETRY_ATTEMPTS must be/u)
    }))
})
