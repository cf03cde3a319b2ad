/** Asks the chain that the environment and a file describe: one question, the lines of stdin, or a person at a terminal. */
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChatService from "@holdfast/llm/ChatService"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as ChainFile from "../check/ChainFile.ts"
import * as Setting from "../doctor/Setting.ts"
import * as Interruption from "../terminal/Interruption.ts"
import { inOneLine } from "../terminal/paragraph.ts"
import { withTransport } from "../transport.ts"
import type * as SampleTools from "./SampleTools.ts"
import * as Session from "./Session.ts"

interface Input {
  readonly question: Option.Option<string>
  readonly config: Option.Option<string>
  readonly interactive: boolean
  readonly provider: Option.Option<string>
  readonly system: Option.Option<string>
  readonly tool: ReadonlyArray<SampleTools.Name>
  readonly json: boolean
}

const nothingToAsk = new Session.ChatFailed({
  message: "there is nothing to ask: holdfast chat \"a question\", or lines on stdin, or --interactive",
  exitCode: 2
})

/** Where nothing at all is set, a first step; otherwise what is wrong with what is. */
const advice = Effect.fnUntraced(function*({ config, provider }: Input, wrong: string) {
  if (Option.isSome(provider)) return wrong.replaceAll("PROVIDER_PRIORITY", "--provider")
  if (Option.isSome(config)) return wrong
  const settings = yield* Effect.option(Setting.all)
  return Option.exists(
      settings,
      (all) => all.every(({ name, state }) => state === "not set" || name.endsWith("_PROXY"))
    )
    ? "no provider to ask: set OPENAI_API_KEY, ANTHROPIC_API_KEY, or OLLAMA_HOST where Ollama runs. " +
      "`holdfast doctor` lists the other providers, and looks for Ollama"
    : wrong
})

/** What it shares with the processes of its fleet: a client is loaded where the settings name a store. */
const store = Layer.unwrap(Effect.flatMap(ChainStore.settings, (settings) =>
  settings === undefined
    ? Effect.succeed(ChainStore.layerMemory)
    : Effect.map(Effect.promise(() => import("@holdfast/llm/ChainStoreConfig")), ({ layerConfig }) => layerConfig)))

/** The conversation over the chain that the environment describes, or over those of its providers that are named. */
const service = (input: Input, file: LlmConfig.LlmConfig) => {
  const named = Option.map(
    input.provider,
    (name) => ConfigProvider.layerAdd(ConfigProvider.fromUnknown({ PROVIDER_PRIORITY: name }), { asPrimary: true })
  )
  const chain = withTransport((transport) =>
    ChatService.layerConfig().pipe(
      Layer.provide(ProviderChain.layerConfig({ transport })),
      Layer.provide(store),
      Layer.provide(transport(LlmConfig.transport(file))),
      Layer.provide(LlmConfig.layer(file)),
      Layer.provide(Option.getOrElse(named, () => Layer.empty))
    )
  )
  return chain.pipe(
    Layer.catchTag("ConfigError", ({ cause }) =>
      Layer.effectContext(Effect.flatMap(
        advice(input, inOneLine(cause.message)),
        (message) => Effect.fail(new Session.ChatFailed({ message, exitCode: 2 }))
      )))
  )
}

const lines = Stream.unwrap(Stdio.Stdio.useSync((stdio) =>
  stdio.stdin.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.map((line) => line.trim()),
    Stream.orDie
  )
))

const prompt = Console.error("\nAsk, or ctrl-D:")

/** With a person: failures are shown, and the session goes on; ctrl-C ends an answer. */
const withPerson = Effect.fnUntraced(function*(session: Session.Session, first: Option.Option<string>) {
  const answer = Effect.fnUntraced(function*(question: string) {
    if (question !== "") {
      const exit = yield* Interruption.guard(session.ask(question))
      if (Exit.isFailure(exit)) {
        if (Cause.hasInterruptsOnly(exit.cause)) yield* Console.error("(ended by ctrl-C, and forgotten)")
        else {
          const failed = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
          if (failed === undefined) return yield* Effect.failCause(exit.cause)
          if (failed.isSaid !== true) yield* Console.error(`holdfast: ${failed.message}`)
        }
      }
    }
    yield* prompt
  })
  yield* Console.error("A session: ctrl-C ends an answer, ctrl-D the session.")
  yield* answer(Option.getOrElse(first, () => ""))
  yield* Stream.runForEach(lines, answer)
})

/** With the lines of stdin: each is asked, whatever became of those before it. */
const withLines = Effect.fnUntraced(function*(session: Session.Session) {
  let asked = 0
  let failed = 0
  yield* Stream.runForEach(Stream.filter(lines, (line) => line !== ""), (question) => {
    asked++
    return Effect.catchTag(session.ask(question), "ChatFailed", (error) => {
      failed++
      return error.isSaid === true ? Effect.void : Console.error(`holdfast: ${error.message}`)
    })
  })
  if (asked === 0) return yield* nothingToAsk
  if (failed > 0) {
    return yield* new Session.ChatFailed({
      message: `${failed} of ${asked} got no whole answer`,
      exitCode: 1,
      isSaid: true
    })
  }
})

export const chat = Effect.fnUntraced(function*(input: Input) {
  const { question } = input
  if (Option.isSome(question) && question.value.trim() === "") {
    return yield* new Session.ChatFailed({
      message: "the question is empty: holdfast chat \"a question\"",
      exitCode: 2
    })
  }
  const stdio = yield* Stdio.Stdio
  const interactive = input.interactive || (Option.isNone(question) && (yield* stdio.stdinIsTerminal))
  const held = Effect.gen(function*() {
    const session = yield* Session.make({
      system: Option.getOrUndefined(input.system),
      tools: input.tool,
      json: input.json
    })
    if (interactive) return yield* withPerson(session, question)
    return yield* Option.match(question, { onNone: () => withLines(session), onSome: session.ask })
  })
  yield* Effect.provide(held, service(input, yield* ChainFile.read(input.config)))
})
