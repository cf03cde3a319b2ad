/** The store of a fleet in a file: what `check` says of it, and what `doctor` and `chat` make of a real one. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { serverWith } from "../../../../vitest.redis.ts"
import * as OllamaServer from "../../src/demo/OllamaServer.ts"
import * as Holdfast from "../process/holdfast.ts"

const fileOf = (text: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync(join(tmpdir(), "holdfast-"))
      writeFileSync(join(path, "llm.yaml"), text)
      return join(path, "llm.yaml")
    }),
    (path) => Effect.sync(() => rmSync(join(path, ".."), { recursive: true }))
  )

const words = (text: string): string => text.replaceAll(/\s+/gu, " ")

describe("a fleet in a file", { timeout: 150_000 }, () => {
  it.live("is told in words, tried by doctor, and joined by chat, and its password is never shown", () =>
    Effect.gen(function*() {
      const redis = yield* serverWith(["--requirepass", "hunter2"])
      const ollama = yield* OllamaServer.make({ pace: 0 })
      const file = yield* fileOf(`
llm:
  models: { ollama: "${OllamaServer.model}" }
  base_urls: { ollama: "${ollama.url}" }
  budgets: [{ by: user, limit: { tokens: 1000 }, window: 1 day }]
  store: { name: shop, redis: { url: SHOP_URL, password: SHOP_PASSWORD, prefix: "shop:", timeout: 2 } }
`)
      const good = { SHOP_URL: `unix://${redis.path}`, SHOP_PASSWORD: "hunter2" }
      const run = (args: ReadonlyArray<string>, env: Record<string, string>) =>
        Effect.map(Holdfast.run(args, env), (ended) => {
          assert.notMatch(ended.stdout + ended.stderr, /hunter2|letmein7/u)
          return ended
        })
      const check = yield* run(["check", "--as", "llm", file], good)
      assert.deepStrictEqual([check.code, check.stderr], [0, ""])
      const said = words(check.stdout)
      assert.include(
        said,
        `store a Redis or Valkey at unix://${redis.path}, from SHOP_URL, with the password in SHOP_PASSWORD`
      )
      assert.include(said, "by all chains named \"shop\" under the keys shop:*")
      assert.include(said, "a step waits 2s at most. While it is away, each process goes on alone")
      const unset = yield* run(["check", "--as", "llm", file], {})
      assert.include(
        words(unset.stdout),
        "at the URL in SHOP_URL, which is not set: the chain does not start until it is"
      )
      const json = yield* run(["check", "--as", "llm", "--json", file], good)
      const { budgets, store } = JSON.parse(json.stdout) as { readonly budgets: unknown; readonly store: object }
      assert.deepStrictEqual(budgets, [
        { name: "user", by: "user", limit: { tokens: 1000 }, windowMillis: 86_400_000, whenSpent: "fail" }
      ])
      assert.deepInclude(store, {
        name: "shop",
        variable: "SHOP_URL",
        isSet: true,
        prefix: "shop:",
        timeoutMillis: 2000
      })

      const doctor = yield* run(["doctor", "--config", file], good)
      assert.strictEqual(doctor.code, 0, doctor.stdout + doctor.stderr)
      assert.match(words(doctor.stdout), /The store of the fleet Redis \d[\d.]* at unix:\S+ makes a step in \d+ ms/u)
      const wrong = yield* run(["doctor", "--json", "--config", file], { ...good, SHOP_PASSWORD: "letmein7" })
      assert.strictEqual(wrong.code, 0)
      const data = JSON.parse(wrong.stdout) as {
        readonly store: { readonly _tag: string; readonly because: string }
        readonly settings: ReadonlyArray<{ readonly name: string; readonly state: string }>
      }
      assert.strictEqual(data.store._tag, "Failed")
      assert.match(data.store.because, /WRONGPASS/u)
      assert.deepStrictEqual(
        data.settings.filter(({ name }) => /SHOP|STORE/u.test(name)).map(({ name, state }) => [name, state]),
        [
          ["SHOP_URL", "set"],
          ["SHOP_PASSWORD", "set"],
          ["LLM_STORE_URL", "not set"],
          ["LLM_STORE_PASSWORD", "not set"],
          ["LLM_STORE_CA", "not set"]
        ]
      )
      const missing = yield* run(["doctor", "--config", file], {})
      assert.strictEqual(missing.code, 2)
      assert.match(words(missing.stdout), /set SHOP_URL to its URL/u)

      const chat = yield* run(["chat", "--config", file, "Why is the sky blue?"], good)
      assert.deepStrictEqual([chat.code, chat.stdout.trim() !== ""], [0, true], chat.stderr)
      yield* redis.kill
      const alone = yield* run(["chat", "--config", file, "Why is the sky blue?"], good)
      assert.deepStrictEqual([alone.code, alone.stdout.trim() !== ""], [0, true], alone.stderr)
    }))
})
