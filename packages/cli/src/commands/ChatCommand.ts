/**
 * `holdfast chat`: asks the providers that the environment names, the real ones, and streams the answer. Without a question
 * it holds a session: of the lines of stdin, or with a person at a terminal.
 *
 * The answers, and nothing else, go to stdout; what is to say about them goes to stderr, so that
 * `holdfast chat ... > answer.txt` does what it looks like.
 */
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ChatService from "@holdfast/llm/ChatService"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Cause from "effect/Cause"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as SampleTools from "../chat/SampleTools.ts"
import * as Session from "../chat/Session.ts"
import * as Setting from "../doctor/Setting.ts"
import * as FailureWords from "../terminal/FailureWords.ts"
import * as Interruption from "../terminal/Interruption.ts"
import { paragraph } from "../terminal/paragraph.ts"
import * as ConfigFlag from "./ConfigFlag.ts"

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
  return Option.exists(settings, (all) => all.every(({ state }) => state === "not set"))
    ? "there is nobody to ask: set OPENAI_API_KEY, ANTHROPIC_API_KEY, or OLLAMA_HOST where Ollama runs. " +
      "`holdfast doctor` says who else could be asked, and looks for Ollama"
    : wrong
})

/** The conversation over the chain that the environment describes, or over those of its providers that are named. */
const service = (input: Input, file: LlmConfig.LlmConfig) => {
  const named = Option.map(
    input.provider,
    (name) => ConfigProvider.layerAdd(ConfigProvider.fromUnknown({ PROVIDER_PRIORITY: name }), { asPrimary: true })
  )
  const chain = ChatService.layerConfig().pipe(
    Layer.provide(ProviderChain.layerConfig({ transport: UndiciTransport.layer })),
    Layer.provide(UndiciTransport.layer(LlmConfig.transport(file))),
    Layer.provide(LlmConfig.layer(file)),
    Layer.provide(Option.getOrElse(named, () => Layer.empty))
  )
  return chain.pipe(
    Layer.catchTag("ConfigError", ({ cause }) =>
      Layer.effectContext(Effect.flatMap(
        advice(input, FailureWords.firstLine(cause.message)),
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

/** With a person: what fails is said, and the session goes on; ctrl-C ends an answer. */
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

const chat = Effect.fnUntraced(function*(input: Input) {
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
  yield* Effect.provide(held, service(input, yield* ConfigFlag.read(input.config)))
})

export const command = Command.make("chat", {
  question: Argument.String("question").pipe(
    Argument.withDescription(
      "What to ask. Quote it, so that the shell takes it for one argument. Without one, the lines of stdin are asked"
    ),
    Argument.optional
  ),
  interactive: Flag.Boolean("interactive").pipe(
    Flag.withAlias("i"),
    Flag.withDescription("Holds a session with a person, as it does at a terminal when there is no question"),
    Flag.withDefault(false)
  ),
  config: ConfigFlag.flag,
  provider: Flag.String("provider").pipe(
    Flag.withDescription("Asks this one alone, or these in this order: anthropic,ollama. Overrides PROVIDER_PRIORITY"),
    Flag.optional
  ),
  system: Flag.String("system").pipe(
    Flag.withDescription("What the model is told before anything else"),
    Flag.optional
  ),
  tool: Flag.Literals("tool", SampleTools.names).pipe(
    Flag.withDescription("Lets the model call this tool. May be given several times"),
    Flag.atLeast(0)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints each answer as a line of JSON, with its whole story, when it is whole"),
    Flag.withDefault(false)
  )
}, chat).pipe(
  Command.withShortDescription("Asks your own providers, a local Ollama last"),
  Command.withDescription(paragraph(
    "Asks the first provider that answers, and streams the answer to stdout. One line on stderr",
    "then says who answered, in how many attempts, why the others did not, for how many tokens and",
    "in what time. `holdfast doctor` says beforehand who would.",
    "",
    "Without a question it holds a session: questions and answers are remembered. Questions are the",
    "lines of stdin, or what a person types at a terminal, where ctrl-C ends an answer and ctrl-D the",
    "session. An answer that failed or was ended is forgotten, with its question.",
    "",
    "Who is asked, by environment variable:",
    "  OPENAI_API_KEY     a key of OpenAI's, or of whoever is at OPENAI_BASE_URL",
    "  OPENAI_BASE_URL    whoever speaks OpenAI's API",
    "  OPENAI_MODEL       its model",
    "  ANTHROPIC_API_KEY  a key of Anthropic's; it is asked after OpenAI",
    "  ANTHROPIC_BASE_URL whoever speaks Anthropic's API",
    "  ANTHROPIC_MODEL    its model",
    "  OPENROUTER_API_KEY, GROQ_API_KEY  keys of other clouds, which are asked next",
    "  VLLM_MODEL, LMSTUDIO_MODEL, LLAMACPP_MODEL  what serves a model on this machine; asked after those",
    "  GROQ_MODEL, VLLM_BASE_URL and the like  the model and the address of each of these five",
    "  OLLAMA_HOST        where Ollama listens, such as 127.0.0.1:11434; it is asked last",
    "  OLLAMA_MODEL       its model, which must have been pulled",
    "  PROVIDER_PRIORITY  another order, such as anthropic,ollama",
    "  CONNECTIVITY_CHECK_URL  where to ask whether this machine is online; offline, no cloud is asked",
    "  LLM_MAX_TOOL_ITERATIONS  how often tools may run for one answer",
    "A file says the same and more, with `--config llm.yaml`: `holdfast check --help` shows one.",
    "",
    "Exit codes: 0 answered, 1 no whole answer, 2 wrong usage or nobody to ask,",
    "130 or 143 interrupted."
  )),
  Command.withExamples([
    { command: "OPENAI_API_KEY=sk-... holdfast chat \"Why is the sky blue?\"", description: "Ask OpenAI" },
    {
      command: "OLLAMA_HOST=127.0.0.1:11434 OLLAMA_MODEL=llama3.2 holdfast chat \"Why?\"",
      description: "Ask Ollama alone"
    },
    { command: "holdfast chat --tool dice \"Throw two dice for me\"", description: "Let the model call a tool" },
    { command: "holdfast chat \"Write a haiku\" > haiku.txt", description: "Keep the answer, read the story" },
    { command: "holdfast chat --json < questions.txt", description: "One line of JSON an answer" }
  ])
)
