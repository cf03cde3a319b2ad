/** An invalid file: every fault at once, by path, whichever stage would have found it first. */
import { assert, describe, it } from "@effect/vitest"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as Effect from "effect/Effect"
import * as SchemaIssue from "effect/SchemaIssue"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The faults by path, each once. */
const faultsOf = (input: unknown): Effect.Effect<ReadonlyMap<string, string>> =>
  Effect.map(Effect.orDie(Effect.flip(LlmConfig.decode(input))), ({ issue }) => {
    const faults = format(issue).issues.map(({ message, path = [] }) => [path.map(String).join("."), message] as const)
    const byPath = new Map(faults)
    assert.strictEqual(byPath.size, faults.length, JSON.stringify(faults))
    return byPath
  })

describe("LlmConfig.decode", () => {
  it.effect("has keys, values, what a chain has no use for and impossible policies in one error", () =>
    Effect.gen(function*() {
      const faults = yield* faultsOf({
        lml: {},
        llm: {
          provider_prioritty: ["openai"],
          provider_priority: ["openai", "olama"],
          http: { hedge: { after: 1 }, timeout: "soon", max_retries: -1, retry: { retryAfter: { mode: "wait" } } },
          providers: { opnai: {}, openai: { timout: 3, timeouts: { total: 3 } }, groq: { endpoints: {} } },
          models: { openai: "", olama: "qwen3" },
          retry: { attempts: 0, multiplier: 0, min_wait: "later", maxwait: 3 },
          connectivity: { timeout_ms: 0.5 },
          max_tool_iterations: 0,
          prices: { m: { input: -1, out: 2, output: 1 } },
          cooldown: "soon"
        }
      })
      const expected: ReadonlyArray<readonly [path: string, says: RegExp]> = [
        ["lml", /is not an option \(`lml`: did you mean `llm`\?\)/u],
        ["llm.provider_prioritty", /did you mean `provider_priority`/u],
        ["llm.provider_priority.1", /got "olama": did you mean "ollama"\?/u],
        ["llm.http.hedge", /hedge has no meaning here: a chain asks another provider beside one that is late/u],
        ["llm.http.timeout", /duration/iu],
        ["llm.http.retry.retryAfter.mode", /say giveUp, or leave it out/u],
        ["llm.providers.opnai", /did you mean `openai`/u],
        ["llm.providers.openai.timout", /did you mean `timeout`/u],
        ["llm.providers.openai.timeouts.total", /one deadline is over all providers/u],
        ["llm.providers.groq.endpoints", /a provider has one endpoint/u],
        ["llm.models.openai", /must be a string that is not empty/u],
        ["llm.models.olama", /did you mean `ollama`/u],
        ["llm.retry.attempts", /must be a whole number of 1 or more, got 0/u],
        ["llm.retry.multiplier", /must be a number above 0, got 0/u],
        ["llm.retry.min_wait", /duration/iu],
        ["llm.retry.maxwait", /did you mean `max_wait`/u],
        ["llm.connectivity.timeout_ms", /must be a whole number of 1 or more, got 0.5/u],
        ["llm.max_tool_iterations", /must be a whole number of 1 or more, got 0/u],
        ["llm.prices.m.input", /must be a number of 0 or more, got -1/u],
        ["llm.prices.m.out", /did you mean `output`/u],
        ["llm.cooldown", /duration/iu]
      ]
      for (const [path, says] of expected) assert.match(faults.get(path) ?? `no fault at ${path}`, says)
    }))

  it.effect("says what a value has to be, and not what a schema expected", () =>
    Effect.gen(function*() {
      const faults = yield* faultsOf({
        llm: {
          http: {
            timeout: "soon",
            timeouts: { total: null },
            retry: { backoff: { initial: "1 second" } },
            bulkhead: { limit: "many" },
            circuitBreaker: 3
          },
          providers: { anthropic: null, ollama: [] },
          cooldown: { seconds: "x" },
          retry: { min_wait: null, max_wait: "10 parsecs" }
        }
      })
      const time = "must be a duration such as \"30 seconds\", or a number of seconds"
      assert.strictEqual(faults.get("llm.http.timeout"), time)
      assert.strictEqual(faults.get("llm.retry.max_wait"), `${time}, got "10 parsecs"`)
      assert.strictEqual(
        faults.get("llm.http.retry.backoff"),
        "must be an object with a type, one of constant, linear, exponential, decorrelated"
      )
      assert.strictEqual(
        faults.get("llm.providers.anthropic"),
        "must be an object: in a file, indent its keys below it"
      )
      for (const [path, says] of faults) assert.match(says, /^must be /u, path)
    }))

  it.effect("has the settings of every provider that are impossible on top of those of all", () =>
    Effect.gen(function*() {
      const slow = { timeouts: { attempt: 100 } }
      const faults = yield* faultsOf({
        llm: {
          http: { timeouts: { total: 3 }, max_retries: 2 },
          providers: { openai: slow, groq: slow },
          retry: { attempts: 3 }
        }
      })
      assert.deepStrictEqual([...faults.keys()].toSorted(), [
        "llm.providers.groq.timeouts.attempt",
        "llm.providers.openai.timeouts.attempt",
        "llm.retry"
      ])
    }))

  it.effect("takes what it gives back", () =>
    Effect.gen(function*() {
      const config = yield* LlmConfig.decode({
        llm: {
          http: { timeout: 30, max_retries: 3, max_connections: 100 },
          providers: { openai: { timeout: 60 } },
          provider_priority: ["openai", "ollama"],
          prices: { m: { input: 1, output: 2, cacheRead: 0.1 } },
          cooldown: "10 seconds"
        }
      })
      assert.deepStrictEqual(config.provider_priority, ["openai", "ollama"])
      assert.deepStrictEqual(config.prices, { m: { input: 1, output: 2, cacheRead: 0.1 } })
      assert.deepStrictEqual(yield* LlmConfig.decode({}), {})
    }))
})
