/**
 * `holdfast chat`: asks the providers that the environment names, the real ones, and streams the answer.
 *
 * The answer, and nothing else, goes to stdout; one line about it goes to stderr, so that `holdfast chat ... > answer.txt`
 * does what it looks like.
 */
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import * as Screen from "./demo/Screen.ts"
import * as FailureWords from "./FailureWords.ts"
import { paragraph } from "./internal/paragraph.ts"

/** There was no answer; `message` is the line for stderr. */
export class ChatFailed extends Data.TaggedError("ChatFailed")<{
  readonly message: string
  /** 1 when the providers were asked, 2 when there was nothing or nobody to ask. */
  readonly exitCode: 1 | 2
}> {
  override readonly [Runtime.errorExitCode] = this.exitCode
}

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`

/** Each provider with the last thing it said. */
const lastWords = (attempts: ChainError.AllProvidersFailed["attempts"]): string => {
  const last = new Map(attempts.map((attempt) => [`${attempt.provider}/${attempt.model}`, attempt.reason]))
  return [...last].map(([provider, reason]) => `${provider}: ${FailureWords.sentence(reason)}`).join("; ")
}

const toChatFailed = (error: AiError.AiError): ChatFailed => {
  if (ChainError.isStreamInterrupted(error)) {
    return new ChatFailed({
      message: `the answer above broke off and is not whole (${error.provider}/${error.model}: ` +
        `${FailureWords.sentence(error.reason)}); ask again`,
      exitCode: 1
    })
  }
  return new ChatFailed({
    message: ChainError.isAllProvidersFailed(error)
      ? `no answer; ${lastWords(error.attempts)}`
      : `no answer: ${FailureWords.sentence(error.reason)}`,
    exitCode: 1
  })
}

interface Story {
  attempts: number
  provider: string
  usage: Response.Usage | undefined
}

const tokens = (usage: Response.Usage | undefined): string => {
  const input = usage?.inputTokens.total
  const output = usage?.outputTokens.total
  return input === undefined || output === undefined ? "tokens unknown" : `${input} + ${output} tokens`
}

const ask = Effect.fnUntraced(function*(question: string) {
  const terminal = yield* Terminal.Terminal
  const start = yield* Clock.monotonicTimeNanos
  const story: Story = { attempts: 0, provider: "", usage: undefined }
  let lastText = ""
  yield* LanguageModel.streamText({ prompt: question }).pipe(
    Stream.runForEach((part) => {
      if (part.type !== "text-delta" || part.delta === "") {
        return Effect.void
      }
      lastText = part.delta
      return terminal.display(part.delta)
    }),
    Effect.ensuring(
      Effect.suspend(() =>
        lastText === "" || lastText.endsWith("\n") ? Effect.void : Effect.ignore(terminal.display("\n"))
      )
    ),
    ChainEvent.observe((event) => {
      if (event._tag === "AttemptStarted") {
        story.attempts++
      } else if (event._tag === "AttemptSucceeded") {
        story.provider = `${event.provider}/${event.model}`
        story.usage = event.usage
      }
    }),
    Effect.catchTag("AiError", (error) => Effect.fail(toChatFailed(error)))
  )
  const millis = Number((yield* Clock.monotonicTimeNanos) - start) / 1e6
  yield* Console.error(
    `${story.provider}, ${plural(story.attempts, "attempt")}, ${tokens(story.usage)}, ${Screen.seconds(millis)}`
  )
})

/** The chain that the environment describes. */
const chain = ProviderChain.layerConfig().pipe(
  Layer.provide(UndiciTransport.layer()),
  Layer.catchTag(
    "ConfigError",
    ({ cause }) =>
      Layer.effectContext(Effect.fail(new ChatFailed({ message: FailureWords.firstLine(cause.message), exitCode: 2 })))
  )
)

const chat = ({ question }: { readonly question: string }) =>
  question.trim() === ""
    ? Effect.fail(new ChatFailed({ message: "the question is empty: holdfast chat \"a question\"", exitCode: 2 }))
    : Effect.provide(ask(question), chain)

export const command = Command.make("chat", {
  question: Argument.String("question").pipe(
    Argument.withDescription("What to ask. Quote it, so that the shell takes it for one argument")
  )
}, chat).pipe(
  Command.withShortDescription("Asks your own providers, a local Ollama last"),
  Command.withDescription(paragraph(
    "Asks the first provider that answers, and streams the answer to stdout. One line on stderr",
    "then says who answered, in how many attempts, for how many tokens and in what time.",
    "",
    "Who is asked, by environment variable:",
    "  OPENAI_API_KEY     a key of OpenAI's, or of whoever is at OPENAI_BASE_URL",
    "  OPENAI_BASE_URL    whoever speaks OpenAI's API: OpenRouter, Groq, vLLM, LM Studio, llama.cpp",
    "  OPENAI_MODEL       its model",
    "  ANTHROPIC_API_KEY  a key of Anthropic's; it is asked after OpenAI",
    "  ANTHROPIC_MODEL    its model",
    "  OLLAMA_HOST        where Ollama listens, such as 127.0.0.1:11434; it is asked last",
    "  OLLAMA_MODEL       its model, which must have been pulled",
    "  PROVIDER_PRIORITY  another order, such as anthropic,ollama",
    "  CONNECTIVITY_CHECK_URL  where to ask whether this machine is online; offline, no cloud is asked",
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
    { command: "holdfast chat \"Write a haiku\" > haiku.txt", description: "Keep the answer, read the story" }
  ])
)
