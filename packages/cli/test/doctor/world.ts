/**
 * An environment, and the servers that it leads to. `holdfast doctor` and `holdfast chat` are both run in it, as programs of
 * their own would be, but on a scripted client and a test clock.
 */
import { assert } from "@effect/vitest"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import * as TestClock from "effect/testing/TestClock"
import { chat } from "../../src/chat/chat.ts"
import * as ChainFile from "../../src/check/ChainFile.ts"
import * as Diagnosis from "../../src/doctor/Diagnosis.ts"
import { inOneLine } from "../../src/terminal/paragraph.ts"
import { Pools } from "../../src/transport.ts"

export type Name = ProviderChain.Name

/** What a server does to every request. */
export type Server =
  | {
    readonly _tag: "Answers"
    /** A header without which it answers 401, as a gateway in front of it does. */
    readonly wants?: string | undefined
    /** The one model that it lists; it answers to others too. */
    readonly lists?: string | undefined
  }
  /** There is no connection to it. */
  | { readonly _tag: "Absent" }
  | {
    readonly _tag: "Refuses"
    readonly status: number
    readonly body: unknown
    readonly headers?: Readonly<Record<string, string>> | undefined
  }

export interface World {
  readonly env: Readonly<Record<string, string>>
  /** By the provider that asks them. Others are absent. */
  readonly servers: { readonly [N in Name]?: Server }
  /** The text of a file that both are given. */
  readonly file?: string
}

// -----------------------------------------------------------------------------
// Servers
// -----------------------------------------------------------------------------

const model = "m"

const lines = (events: ReadonlyArray<object>): string => events.map((event) => `${JSON.stringify(event)}\n`).join("")
const events = (events: ReadonlyArray<object>): string =>
  events.map((event) => `${"type" in event ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`).join("")

/** What a healthy server says to a path, in the words of its protocol. */
const answers: ReadonlyArray<readonly [path: RegExp, type: string, body: string]> = [
  [/\/api\/version$/u, "application/json", "{\"version\":\"0.13.0\"}"],
  [/\/api\/tags$/u, "application/json", JSON.stringify({ models: [{ name: model }] })],
  [/\/api\/show$/u, "application/json", JSON.stringify({ capabilities: ["completion", "tools"] })],
  [/\/api\/ps$/u, "application/json", "{\"models\":[]}"],
  [
    /\/api\/chat$/u,
    "application/x-ndjson",
    lines([{ message: { role: "assistant", content: "Hi" } }, {
      message: { content: "" },
      done: true,
      done_reason: "stop"
    }])
  ],
  [/\/models\/[^/]+$/u, "application/json", JSON.stringify({ id: model })],
  [/\/models$/u, "application/json", JSON.stringify({ data: [{ id: model }] })],
  [
    /\/chat\/completions$/u,
    "text/event-stream",
    `${events([{ choices: [{ delta: { content: "Hi" } }] }, { choices: [{ delta: {}, finish_reason: "stop" }] }])}` +
    "data: [DONE]\n\n"
  ],
  [
    /\/messages$/u,
    "text/event-stream",
    events([
      { type: "message_start", message: { id: "m", model, usage: { input_tokens: 1, output_tokens: 0 } } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } },
      { type: "message_stop" }
    ])
  ]
]

const responseOf = (server: Server, path: string, headers: Headers.Headers): Response | undefined => {
  switch (server._tag) {
    case "Absent":
      return undefined
    case "Refuses": {
      const { body, headers = {}, status } = server
      return new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers })
    }
    case "Answers": {
      if (server.wants !== undefined && headers[server.wants] === undefined) {
        return Response.json({ error: { message: "Unauthorized" } }, { status: 401 })
      }
      const [, type, body] = answers.find(([known]) => known.test(path)) ?? assert.fail(`no answer to ${path}`)
      const listed = server.lists === undefined ? body : body.replaceAll(`"id":"${model}"`, `"id":"${server.lists}"`)
      return new Response(path.endsWith("/models") ? listed : body, { headers: { "content-type": type } })
    }
  }
}

const clientOf = ({ env, servers }: World) => {
  const addresses = Object.values(ProviderChain.servers).map(({ baseUrl, name, variables }) => ({
    name,
    origin: URL.parse(env[variables.address] || (baseUrl ?? ""))?.origin
  }))
  return HttpClient.make((request: HttpClientRequest.HttpClientRequest, url) =>
    Effect.suspend(() => {
      const server = addresses.find(({ origin }) => origin === url.origin)
      const response = responseOf(
        servers[server?.name ?? "openai"] ?? { _tag: "Absent" },
        url.pathname,
        request.headers
      )
      return response === undefined
        ? Effect.fail(
          new HttpClientError.HttpClientError({
            reason: new HttpClientError.TransportError({ request, description: "connect ECONNREFUSED" })
          })
        )
        : Effect.succeed(HttpClientResponse.fromWeb(request, response))
    })
  )
}

// -----------------------------------------------------------------------------
// The two commands
// -----------------------------------------------------------------------------

/** Runs to the end on the test clock, however long a command waits between attempts. */
const toEnd = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect)
  for (let i = 0; i < 200 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("10 seconds")
  return yield* Fiber.join(fiber)
})

const fileOf = ({ file }: World) => file === undefined ? Option.none<string>() : Option.some("llm.yaml")

const within = (world: World) => <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const client = Layer.succeed(HttpClient.HttpClient, clientOf(world))
  return toEnd(effect).pipe(
    Effect.provideService(Pools, Effect.succeed(() => client)),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(world.env)),
    Effect.provide([
      FileSystem.layerNoop({ readFileString: () => Effect.succeed(world.file ?? "") }),
      Path.layer,
      Stdio.layerTest({}),
      Logger.layer([])
    ])
  )
}

interface Promised {
  readonly exitCode: 0 | 1 | 2
  readonly order: ReadonlyArray<string>
  /** Why the settings make no chain. */
  readonly refused: string | undefined
  /** What was found of each provider that a chain asks and that would not answer, in their order. */
  readonly failed: ReadonlyArray<string>
}

/** What `holdfast doctor` promises. */
const promised = (world: World): Effect.Effect<Promised> =>
  Effect.flatMap(
    ChainFile.read(fileOf(world)),
    (file) =>
      Effect.provide(Diagnosis.diagnose({ timeout: Duration.seconds(5), onProgress: () => {} }), LlmConfig.layer(file))
  ).pipe(
    Effect.match({
      onFailure: (error): Promised => {
        const refused = error._tag === "ConfigError" ? inOneLine(error.cause.message) : error.message
        return { exitCode: 2, order: [], refused, failed: [] }
      },
      onSuccess: (diagnosis): Promised => ({
        exitCode: Diagnosis.exitCodeOf(diagnosis),
        order: diagnosis.order,
        refused: diagnosis.refused,
        failed: diagnosis.providers.flatMap(({ check, chosen, model, provider }) =>
          chosen && check._tag === "Failed" ? [`${provider}/${model}: ${check.because}`] : []
        )
      })
    }),
    within(world)
  )

interface Deed {
  readonly exitCode: number
  /** The provider and model that answered. */
  readonly by: string | undefined
  readonly error: string | undefined
}

/** What `holdfast chat` does. */
const done = (world: World): Effect.Effect<Deed> =>
  Effect.suspend(() => {
    let shown = ""
    const terminal = Terminal.make({
      columns: Effect.succeed(80),
      rows: Effect.succeed(24),
      size: Effect.never,
      readInput: Effect.never,
      readLine: Effect.never,
      display: (text) => Effect.sync(() => void (shown += text))
    })
    const none = Option.none<string>()
    return chat({
      question: Option.some("Hello?"),
      config: fileOf(world),
      interactive: false,
      provider: none,
      system: none,
      tool: [],
      json: true
    }).pipe(
      Effect.result,
      Effect.map((result): Deed => {
        const document = shown === "" ? {} : JSON.parse(shown) as Readonly<Record<string, unknown>>
        if (Result.isSuccess(result)) {
          return { exitCode: 0, by: `${document["provider"]}/${document["model"]}`, error: undefined }
        }
        const { failure } = result
        return { exitCode: failure[Runtime.errorExitCode], by: undefined, error: failure.message }
      }),
      Effect.provideService(Terminal.Terminal, terminal),
      Effect.provideService(Console.Console, { ...globalThis.console, error: () => {} } as Console.Console),
      within(world)
    )
  })

/** Holds chat to the promise of the doctor, and gives the promise. */
export const agree = Effect.fnUntraced(function*(world: World) {
  const promise = yield* promised(world)
  const deed = yield* done(world)
  const story = JSON.stringify({ world, promise, deed }, undefined, 2)
  assert.strictEqual(deed.exitCode, promise.exitCode, story)
  assert.strictEqual(deed.by, promise.order[0], story)
  if (promise.exitCode === 1) {
    // Those that are asked, in order: a decision may end the request before the last.
    const told = promise.failed.map((_, i) => `no answer; ${promise.failed.slice(0, i + 1).join("; ")}`)
    if (told.length > 0) assert.include(told, deed.error, story)
  }
  if (promise.exitCode === 2 && promise.refused !== undefined) assert.strictEqual(deed.error, promise.refused, story)
  return promise
})

/** The variables that describe providers, which are asked in this order. */
export const envOf = (...names: ReadonlyArray<Name>): Readonly<Record<string, string>> => ({
  PROVIDER_PRIORITY: names.join(","),
  ...Object.fromEntries(names.flatMap((name) => {
    const { key, model } = ProviderChain.servers[name].variables
    const named = [[model, "m"]]
    return key === undefined ? named : named.concat([[key, `key-of-${name}`]])
  }))
})
