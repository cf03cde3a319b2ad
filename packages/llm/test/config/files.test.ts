/** Files as people write them: anchors, sections left empty, numbers as texts, and what contradicts itself. */
import { assert, describe, it } from "@effect/vitest"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as LlmConfigFile from "@holdfast/llm/LlmConfigFile"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

const read = (yaml: string) => Effect.runPromise(Effect.result(LlmConfigFile.parse(yaml)))

const pool = (...members: ReadonlyArray<string>) => `llm: { pools: { a: { members: [${members.join(", ")}] } } }`

describe("a file of a chain", () => {
  it.each<readonly [what: string, yaml: string, is: (config: LlmConfig.LlmConfig) => unknown, expected: unknown]>([
    [
      "anchors and merge keys",
      "llm:\n  by_provider:\n    openai: &o { cooldown: 3, repair: true }\n    groq: { <<: *o, cooldown: 5 }",
      ({ by_provider }) => by_provider?.["groq"],
      { cooldown: Duration.seconds(5), repair: true }
    ],
    [
      "members that share a base",
      "llm:\n  pools:\n    a: { members: [&k { provider: openai, key: KEY_1, weight: 2 }, { <<: *k, key: KEY_2 }] }",
      ({ pools }) => pools?.["a"]?.members[1],
      { provider: "openai", key: "KEY_2", weight: 2 }
    ],
    ["a byte order mark", "\uFEFFllm: { cooldown: 3 }", ({ cooldown }) => cooldown, Duration.seconds(3)],
    ["line ends of Windows", "llm:\r\n  cooldown: 3\r\n", ({ cooldown }) => cooldown, Duration.seconds(3)],
    [
      "one key for two models",
      pool("{ provider: openai, key: K, model: x }", "{ provider: openai, key: K, model: y }"),
      (
        { pools }
      ) => pools?.["a"]?.members.length,
      2
    ],
    [
      "an address of Ollama without a scheme",
      "llm: { base_urls: { ollama: \"10.0.0.1:11434\" } }",
      ({ base_urls }) => base_urls?.ollama,
      "10.0.0.1:11434"
    ],
    ["a cool-down of nothing", "llm: { cooldown: 0 }", ({ cooldown }) => cooldown, Duration.zero]
  ])("is read with %s", async (_, yaml, is, expected) => {
    const config = await read(yaml)
    assert.deepStrictEqual(config._tag === "Success" ? is(config.success) : config.failure.message, expected)
  })

  it.each<readonly [what: string, yaml: string, says: RegExp]>([
    ["the same key twice", "llm:\n  cooldown: 1\n  cooldown: 2", /Map keys must be unique at line 3/u],
    [
      "the same pool twice",
      "llm:\n  pools:\n    a: { members: [] }\n    a: { members: [] }",
      /Map keys must be unique/u
    ],
    ["tabs", "llm:\n\tcooldown: 3", /Tabs are not allowed as indentation at line 2/u],
    [
      "aliases without end",
      "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n" +
      "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\nllm: [*d,*d,*d]",
      /Excessive alias count/u
    ],
    ["an empty section", "llm:", /must be an object, got null/u],
    ["an empty pool", "llm: { pools: { a: } }", /must be an object, got null[^]*"a"/u],
    ["a pool without members", "llm: { pools: { a: {} } }", /must be an array[^]*"members"/u],
    ["no budgets", "llm: { budgets: [] }", /must have a budget/u],
    ["a count as a text", "llm: { max_tool_iterations: \"3\" }", /must be a whole number of 1 or more, got "3"/u],
    ["a limit as a text", pool("{ provider: openai, requests_per_minute: \"500\" }"), /1 or more, got "500"/u],
    ["a negative cool-down", "llm: { cooldown: -3 }", /must be zero or longer, got -3/u],
    ["a negative wait", "llm: { retry: { min_wait: -1 } }", /must be zero or longer[^]*"min_wait"/u],
    ["a negative hedge", "llm: { hedge: { after: \"-2 seconds\" } }", /must be zero or longer|duration/iu],
    ["a negative warm-up", "llm: { pools: { a: { warm_up: -1, members: [{ provider: openai }] } } }", /"warm_up"/u],
    [
      "a half-life of nothing",
      "llm: { pools: { a: { half_life: 0, members: [{ provider: openai }] } } }",
      /"half_life"/u
    ],
    [
      "a budget's window of nothing",
      "llm: { budgets: [{ limit: { tokens: 5 }, window: 0 }] }",
      /longer than zero, got 0/u
    ],
    ["a budget without a window", "llm: { budgets: [{ limit: { tokens: 5 } }] }", /must be a duration[^]*"window"/u],
    [
      "a pool in a pool",
      "llm: { pools: { a: { members: [{ provider: b }] }, b: { members: [{ provider: groq }] } } }",
      /got "b"/u
    ],
    ["a pool in itself", pool("{ provider: a }"), /got "a"/u],
    [
      "a member twice",
      pool("{ provider: openai, key: K }", "{ provider: openai, name: other, key: K }"),
      /asks the same as member 0/u
    ],
    ["a server twice", pool("{ provider: openai }", "{ provider: openai }"), /asks the same as member 0[^]*"1"/u],
    ["a key in place of a member", pool("sk-hunter2"), /must be an object, such as/u],
    [
      "a key in place of its variable",
      pool("{ provider: openai, key: sk-hunter2 }"),
      /name of an environment variable/u
    ],
    ["a variable with a dollar", pool("{ provider: openai, key: $KEY_1 }"), /name of an environment variable/u],
    [
      "an address that is not a URL",
      pool("{ provider: openai, base_url: hunter2@x }"),
      /must be an http or https URL/u
    ],
    [
      "an address of another kind",
      "llm: { base_urls: { openai: \"ftp://hunter2@x\" } }",
      /must be an http or https URL/u
    ],
    ["an address that is blank", "llm: { base_urls: { ollama: \" \" } }", /not empty/u],
    ["a list", "- llm", /must be an object/u],
    ["two documents", "llm: {}\n---\nllm: {}", /several documents/u]
  ])("is refused with %s", async (_, yaml, says) => {
    const config = await read(yaml)
    const message = config._tag === "Success" ? "it was read" : config.failure.message
    assert.match(message, says)
    assert.notInclude(message, "hunter2")
  })
})
