import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Act from "../../src/demo/Act.ts"
import * as OllamaServer from "../../src/demo/OllamaServer.ts"
import * as OpenAiServer from "../../src/demo/OpenAiServer.ts"
import * as Question from "../../src/demo/Question.ts"
import * as Holdfast from "./holdfast.ts"

const question = Question.all[0]!

const act = (name: string): Act.Act => Act.all.find((act) => act.name === name)!

const key = "sk-secret-of-the-test"

const providers = (actName: string) =>
  Effect.gen(function*() {
    const cloud = yield* OpenAiServer.make({ seed: 1, pace: 0 })
    yield* cloud.play(act(actName))
    const ollama = yield* OllamaServer.make({ pace: 0 })
    return {
      cloud,
      ollama,
      cloudEnv: { OPENAI_API_KEY: key, OPENAI_BASE_URL: cloud.baseUrl, OPENAI_MODEL: OpenAiServer.model },
      ollamaEnv: { OLLAMA_HOST: ollama.url, OLLAMA_MODEL: OllamaServer.model }
    }
  })

const isOneLine = (stderr: string) => {
  assert.match(stderr, /^[^\n]+\n$/u)
  assert.notMatch(stderr, /\bat .+:\d+:\d+/u, "no stack trace")
  assert.notInclude(stderr, key)
}

describe("holdfast chat", { timeout: 60_000 }, () => {
  it.live("streams the cloud's answer to stdout and its story to stderr", () =>
    Effect.gen(function*() {
      const { cloudEnv, ollama, ollamaEnv } = yield* providers("healthy")
      const ended = yield* Holdfast.run(["chat", question.text], { ...cloudEnv, ...ollamaEnv })
      assert.strictEqual(ended.stdout, `${question.answers.openai}\n`)
      isOneLine(ended.stderr)
      assert.match(ended.stderr, /^openai\/cloud-large, 1 attempt, 6 \+ 31 tokens, \d+\.\d\d s\n$/u)
      assert.strictEqual(ended.code, 0)
      assert.strictEqual(yield* ollama.requests, 0)
    }))

  it.live("ends at Ollama when the quota is spent", () =>
    Effect.gen(function*() {
      const { cloud, cloudEnv, ollamaEnv } = yield* providers("quota")
      const ended = yield* Holdfast.run(["chat", question.text], { ...cloudEnv, ...ollamaEnv })
      assert.strictEqual(ended.stdout, `${question.answers.ollama}\n`)
      isOneLine(ended.stderr)
      assert.match(ended.stderr, /^ollama\/llama3\.2:3b, 2 attempts \(openai: 429, quota spent\), /u)
      assert.strictEqual(ended.code, 0)
      assert.strictEqual(yield* cloud.requests, 1)
    }))

  it.live("asks Ollama alone without a key, and sends the cloud nothing", () =>
    Effect.gen(function*() {
      const { cloud, ollamaEnv } = yield* providers("healthy")
      const ended = yield* Holdfast.run(["chat", question.text], ollamaEnv)
      assert.strictEqual(ended.stdout, `${question.answers.ollama}\n`)
      assert.match(ended.stderr, /^ollama\/llama3\.2:3b, 1 attempt, /u)
      assert.strictEqual(ended.code, 0)
      assert.strictEqual(yield* cloud.requests, 0)
    }))

  it.live("says that an answer broke off, and does not pass it for a whole one", () =>
    Effect.gen(function*() {
      const { cloudEnv, ollamaEnv } = yield* providers("cut")
      const ended = yield* Holdfast.run(["chat", question.text], { ...cloudEnv, ...ollamaEnv })
      assert.strictEqual(ended.code, 1)
      assert.isTrue(question.answers.openai.startsWith(ended.stdout.trimEnd()))
      isOneLine(ended.stderr)
      assert.match(ended.stderr, /broke off and is not whole/u)
    }))

  it.live("says in one line that a host cannot be reached", () =>
    Effect.gen(function*() {
      const { cloud } = yield* providers("gone")
      const ended = yield* Holdfast.run(["chat", question.text], { OLLAMA_HOST: cloud.url, LLM_RETRY_ATTEMPTS: "1" })
      assert.deepStrictEqual([ended.code, ended.stdout], [1, ""])
      isOneLine(ended.stderr)
      assert.include(ended.stderr, cloud.url)
    }))

  it.live("shows no password of an address that does not answer, or is not an address", () =>
    Effect.gen(function*() {
      for (const scheme of ["http", "htp"]) {
        const env = { OPENAI_BASE_URL: `${scheme}://user:${key}@127.0.0.1:9/v1`, LLM_RETRY_ATTEMPTS: "1" }
        const ended = yield* Holdfast.run(["chat", "--provider", "openai", question.text], env)
        isOneLine(ended.stderr)
        assert.include(ended.stderr, `${scheme}://127.0.0.1:9/v1`)
      }
    }))

  it.live("says what to set when there is no provider to ask", () =>
    Effect.gen(function*() {
      const ended = yield* Holdfast.run(["chat", question.text])
      assert.deepStrictEqual([ended.code, ended.stdout], [2, ""])
      isOneLine(ended.stderr)
      assert.match(ended.stderr, /no provider to ask: set OPENAI_API_KEY, .* OLLAMA_HOST .*`holdfast doctor` lists/u)

      const blank = yield* Holdfast.run(["chat", question.text], { OPENAI_API_KEY: " " })
      isOneLine(blank.stderr)
      assert.match(blank.stderr, /OPENAI_API_KEY is blank/u)
    }))

  it.live("takes wrong usage with one line and exit code 2", () =>
    Effect.gen(function*() {
      const cases = [
        ["chat", "  "],
        ["chat"],
        ["chat", "--unknown", "question"],
        ["chat", "--tool", "hammer", "question"],
        ["chat", "--provider", "grok", "question"],
        ["chat", "--provider", "anthropic", "question"],
        ["demo", "--seed", "many"],
        ["demos"]
      ]
      const all = yield* Effect.forEach(cases, (args) => Holdfast.run(args, { OLLAMA_HOST: "127.0.0.1:9" }), {
        concurrency: 2
      })
      all.forEach((ended, index) => {
        assert.deepStrictEqual([ended.code, ended.stdout], [2, ""], cases[index]!.join(" "))
        isOneLine(ended.stderr)
      })
    }))

  it.live("is gone after SIGINT while it waits for an answer", () =>
    Effect.gen(function*() {
      const { cloud, cloudEnv } = yield* providers("slow")
      const running = yield* Holdfast.start(["chat", question.text], cloudEnv)
      yield* Effect.repeat(Effect.andThen(Effect.sleep(5), cloud.requests), { until: (requests) => requests === 1 })
      yield* running.kill("SIGINT")
      const ended = yield* running.ended
      assert.deepStrictEqual([ended.code, ended.stdout, ended.stderr], [130, "", ""])
      assert.isFalse(Holdfast.isAlive(running.pid))
    }))
})

describe("holdfast --help", { timeout: 60_000 }, () => {
  it.live("teaches: commands, flags, examples, environment variables and exit codes", () =>
    Effect.gen(function*() {
      const teaches: Readonly<Record<string, ReadonlyArray<string>>> = {
        "": ["holdfast demo", "holdfast doctor", "holdfast chat", "holdfast check", "holdfast simulate"],
        demo: ["--seed", "--json", "ten acts"],
        doctor: ["--json", "--timeout", "A key is never shown", "jq -r '.order[]'"],
        chat: [
          "--interactive",
          "--provider",
          "--system",
          "--tool",
          "--json",
          "ctrl-C ends",
          "OPENAI_API_KEY",
          "OPENAI_BASE_URL",
          "OPENAI_MODEL",
          "ANTHROPIC_API_KEY",
          "ANTHROPIC_MODEL",
          "OLLAMA_HOST",
          "OLLAMA_MODEL",
          "PROVIDER_PRIORITY",
          "LLM_MAX_TOOL_ITERATIONS"
        ],
        check: ["--at", "--json", "attemptTimeout: 10 seconds", "jitter: full"],
        simulate: ["--minutes", "--calls", "--down-from", "--down-to", "--hang", "--seed", "--report"]
      }
      const helps = yield* Effect.forEach(
        Object.entries(teaches),
        ([command, words]) =>
          Effect.map(
            Holdfast.run([...command.split(" ").filter((word) => word !== ""), "--help"]),
            (help) => ({ help, words })
          ),
        { concurrency: 2 }
      )
      for (const { help, words } of helps) {
        assert.deepStrictEqual([help.code, help.stderr], [0, ""])
        for (const word of [...words, "Exit codes"]) assert.include(help.stdout, word)
        assert.notInclude(help.stdout, "\u001b")
        assert.deepStrictEqual(help.stdout.split("\n").filter((line) => line.length > 80), [])
      }
    }))

  it.live("shows a policy that `holdfast check` takes as it is", () =>
    Effect.gen(function*() {
      const { stdout } = yield* Holdfast.run(["check", "--help"])
      const shown = /^ *name: stock\n[^]*?attemptTimeout: .*$/mu.exec(stdout)?.[0] ?? assert.fail("no policy is shown")
      const path = mkdtempSync(join(tmpdir(), "holdfast-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(path, { recursive: true })))
      const indent = /^ */u.exec(shown)?.[0].length ?? 0
      const file = join(path, "stock.yaml")
      writeFileSync(file, shown.split("\n").map((line) => line.slice(indent)).join("\n"))
      const ended = yield* Holdfast.run(["check", file])
      assert.deepStrictEqual([ended.code, ended.stderr], [0, ""], ended.stdout)
      assert.include(ended.stdout, "is the policy \"stock\"")
    }))
})
