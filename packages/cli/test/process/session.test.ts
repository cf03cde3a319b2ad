import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Act from "../../src/demo/Act.ts"
import * as LoopbackServer from "../../src/demo/LoopbackServer.ts"
import * as OllamaServer from "../../src/demo/OllamaServer.ts"
import * as OpenAiServer from "../../src/demo/OpenAiServer.ts"
import * as Question from "../../src/demo/Question.ts"
import * as Holdfast from "./holdfast.ts"

const key = "sk-secret-of-the-test"
const [first, second] = Question.words as [Question.Question, Question.Question]

interface Message {
  readonly role: string
  readonly content?: string | null
  readonly tool_calls?: ReadonlyArray<unknown>
}

interface Asked {
  readonly messages: ReadonlyArray<Message>
  readonly tools?: ReadonlyArray<{ readonly function: { readonly name: string } }>
}

/** A server that speaks OpenAI's API and answers the n-th request as the script says; it keeps what it was asked. */
const scripted = (script: ReadonlyArray<(exchange: LoopbackServer.Exchange) => Effect.Effect<void>>) =>
  Effect.gen(function*() {
    const asked: Array<Asked> = []
    const server = yield* LoopbackServer.make((exchange) => {
      asked.push(JSON.parse(exchange.body) as Asked)
      return script[asked.length - 1]?.(exchange) ?? exchange.json(400, { error: { message: "the script is over" } })
    })
    return {
      asked,
      env: { OPENAI_API_KEY: key, OPENAI_BASE_URL: `${server.url}/v1`, PROVIDER_PRIORITY: "openai" }
    }
  })

const stream = (exchange: LoopbackServer.Exchange, deltas: ReadonlyArray<object>, finish: string) =>
  exchange.start(200, { "content-type": "text/event-stream" }).pipe(
    Effect.andThen(
      Effect.forEach(
        [...deltas.map((delta) => ({ delta, finish_reason: null })), { delta: {}, finish_reason: finish }],
        (choice) =>
          exchange.write(`data: ${JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, ...choice }] })}\n\n`)
      )
    ),
    Effect.andThen(exchange.write("data: [DONE]\n\n")),
    Effect.andThen(exchange.end)
  )

const says = (text: string) => (exchange: LoopbackServer.Exchange) => stream(exchange, [{ content: text }], "stop")

const calls = (name: string, args: object) => (exchange: LoopbackServer.Exchange) =>
  stream(exchange, [{
    tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name, arguments: JSON.stringify(args) } }]
  }], "tool_calls")

const breaks = (text: string) => (exchange: LoopbackServer.Exchange) =>
  exchange.start(200, { "content-type": "text/event-stream" }).pipe(
    Effect.andThen(
      exchange.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\n\n`)
    ),
    Effect.andThen(Effect.sleep(50)),
    Effect.andThen(exchange.end)
  )

const hangs = (text: string) => (exchange: LoopbackServer.Exchange) =>
  exchange.start(200, { "content-type": "text/event-stream" }).pipe(
    Effect.andThen(
      exchange.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\n\n`)
    ),
    Effect.andThen(Effect.never)
  )

const roles = (asked: Asked | undefined) => asked?.messages.map(({ content, role }) => `${role}: ${content ?? ""}`)

const json = (stdout: string) => stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>)

describe("holdfast chat, in a session", { timeout: 60_000 }, () => {
  it.live("asks the lines of stdin, and remembers what was said", () =>
    Effect.gen(function*() {
      const { asked, env } = yield* scripted([says("Hello, Ada."), says("Ada.")])
      const ended = yield* Holdfast.run(["chat", "--system", "Be brief"], env, "I am Ada.\n\nWho am I?\n")
      assert.deepStrictEqual([ended.code, ended.stdout], [0, "Hello, Ada.\nAda.\n"])
      assert.strictEqual(ended.stderr.trimEnd().split("\n").length, 2)
      assert.deepStrictEqual(roles(asked[1]), [
        "system: Be brief",
        "user: I am Ada.",
        "assistant: Hello, Ada.",
        "user: Who am I?"
      ])
    }))

  it.live("forgets what broke off, goes on, and says at the end that not all is well", () =>
    Effect.gen(function*() {
      const { asked, env } = yield* scripted([breaks("Once upon"), says("Yes.")])
      const ended = yield* Holdfast.run(["chat"], env, "A story!\nAre you there?\n")
      assert.deepStrictEqual([ended.code, ended.stdout], [1, "Once upon\nYes.\n"])
      assert.match(ended.stderr, /^holdfast: the answer above broke off and is not whole/u)
      assert.deepStrictEqual(roles(asked[1]), ["user: Are you there?"])
    }))

  it.live("lets the model call the tools that it was given, once, and reports it", () =>
    Effect.gen(function*() {
      const { asked, env } = yield* scripted([calls("dice", { count: 2, sides: 6 }), says("There you are.")])
      const ended = yield* Holdfast.run(["chat", "--tool", "dice", "Throw two dice"], env)
      assert.deepStrictEqual([ended.code, ended.stdout], [0, "There you are.\n"])
      const [tool, story] = ended.stderr.split("\n")
      const thrown = /^dice \{"count":2,"sides":6\} -> \{"thrown":\[([1-6]),([1-6])\]\}, \d+ ms$/u.exec(tool ?? "")
      assert.isNotNull(thrown)
      assert.match(story ?? "", /, 2 attempts, 1 tool call, /u)
      assert.deepStrictEqual(asked[0]?.tools?.map((tool) => tool.function.name), ["dice"])
      assert.strictEqual(asked[1]?.messages.at(-1)?.content, `{"thrown":[${thrown?.[1]},${thrown?.[2]}]}`)
    }))

  it.live("tells a model that its arguments do not fit, and lets it try again", () =>
    Effect.gen(function*() {
      const { asked, env } = yield* scripted([
        calls("dice", { count: 1, sides: 1 }),
        calls("dice", { count: 1, sides: 2 }),
        says("Done.")
      ])
      const ended = yield* Holdfast.run(["chat", "--tool", "dice", "--tool", "clock", "--json", "Throw"], env)
      assert.deepStrictEqual([ended.code, ended.stderr], [0, ""])
      const [story] = json(ended.stdout)
      assert.deepStrictEqual(
        (story!["toolCalls"] as ReadonlyArray<{ readonly success: boolean }>).map(({ success }) => success),
        [false, true]
      )
      assert.deepStrictEqual(asked[0]?.tools?.map((tool) => tool.function.name), ["dice", "clock"])
    }))

  it.live("does not have a tool run again when the model fails after it", () =>
    Effect.gen(function*() {
      const { asked, env } = yield* scripted([
        calls("dice", { count: 1, sides: 6 }),
        (exchange) => exchange.json(401, { error: { message: "no", code: "invalid_api_key" } }),
        says("It was thrown before.")
      ])
      const ended = yield* Holdfast.run(["chat", "--tool", "dice"], env, "Throw a die\nWell?\n")
      assert.strictEqual(ended.stdout, "It was thrown before.\n")
      assert.match(ended.stderr, /\(1 tool call had run, and will not run again\)/u)
      assert.strictEqual(ended.stderr.match(/^dice /gmu)?.length, 1)
      assert.deepStrictEqual(asked[2]?.messages.map(({ role }) => role), ["user", "assistant", "tool", "user"])
    }))

  it.live("tells each story as a line of JSON, failures too", () =>
    Effect.gen(function*() {
      const openai = yield* OpenAiServer.make({ seed: 1, pace: 0 })
      const ollama = yield* OllamaServer.make({ pace: 0 })
      yield* openai.play(Act.all.find((act) => act.name === "quota")!)
      const env = {
        OPENAI_API_KEY: key,
        OPENAI_BASE_URL: openai.baseUrl,
        OPENAI_MODEL: OpenAiServer.model,
        OLLAMA_HOST: ollama.url,
        OLLAMA_MODEL: OllamaServer.model
      }
      const ended = yield* Holdfast.run(["chat", "--json"], env, `${first.text}\n${second.text}\n`)
      assert.deepStrictEqual([ended.code, ended.stderr], [0, ""])
      const [one, two] = json(ended.stdout)
      assert.deepStrictEqual(
        [one?.["ok"], one?.["text"], one?.["provider"], one?.["fellBack"]],
        [true, first.answers.ollama, "ollama", true]
      )
      assert.deepStrictEqual(one?.["detours"], [
        { provider: "openai", model: OpenAiServer.model, because: "429, quota spent" }
      ])
      assert.deepStrictEqual([two?.["question"], two?.["text"]], [second.text, second.answers.ollama])
      assert.strictEqual(yield* openai.requests, 1, "it is skipped after that")

      const alone = yield* Holdfast.run(["chat", "--json", "--provider", "openai", first.text], env)
      assert.deepStrictEqual([alone.code, alone.stderr], [1, ""])
      const [failed] = json(alone.stdout)
      assert.strictEqual(failed?.["ok"], false)
      assert.match(String(failed?.["error"]), /^no answer; openai\/cloud-large: /u)
      assert.notInclude(ended.stdout + alone.stdout, key)
    }))

  it.live("ends an answer with ctrl-C and not the session, and forgets what was ended", () =>
    Effect.gen(function*() {
      const { asked, env } = yield* scripted([hangs("Once upon a time "), says("Here.")])
      const running = yield* Holdfast.start(["chat", "--interactive"], env, true)
      yield* running.says("Ask, or ctrl-D:")
      yield* running.type("A story!\n")
      yield* Effect.repeat(Effect.andThen(Effect.sleep(5), Effect.sync(() => asked.length)), { until: (n) => n === 1 })
      yield* running.kill("SIGINT")
      yield* running.says("(ended by ctrl-C, and forgotten)")
      assert.isTrue(Holdfast.isAlive(running.pid))
      yield* running.type("Are you there?\n")
      yield* running.line((line) => line === "Here.")
      yield* running.endInput
      const ended = yield* running.ended
      assert.strictEqual(ended.code, 0)
      assert.deepStrictEqual(roles(asked[1]), ["user: Are you there?"])
    }))

  it.live("ends a session with ctrl-C when there is no answer to end", () =>
    Effect.gen(function*() {
      const { env } = yield* scripted([])
      const running = yield* Holdfast.start(["chat", "--interactive"], env, true)
      yield* running.says("Ask, or ctrl-D:")
      yield* running.kill("SIGINT")
      assert.strictEqual((yield* running.ended).code, 130)
    }))

  it.live("says what failed in a session with a person, and goes on", () =>
    Effect.gen(function*() {
      const { env } = yield* scripted([
        (exchange) => exchange.json(401, { error: { message: "no", code: "invalid_api_key" } }),
        says("Better now.")
      ])
      const ended = yield* Holdfast.run(["chat", "-i", "Hello?"], env, "And now?\n")
      assert.deepStrictEqual([ended.code, ended.stdout], [0, "Better now.\n"])
      assert.match(ended.stderr, /^holdfast: no answer; .*Set OPENAI_API_KEY to a valid key/mu)
    }))
})
