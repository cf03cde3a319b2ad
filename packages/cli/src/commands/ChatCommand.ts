/**
 * `holdfast chat`: asks the providers that the environment names, the real ones, and streams the answer. Without a question
 * it holds a session: of the lines of stdin, or with a person at a terminal.
 *
 * The answers, and nothing else, go to stdout; the story of each answer goes to stderr, so that
 * `holdfast chat ... > answer.txt` does what it looks like.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { names } from "../chat/toolNames.ts"
import { paragraph } from "../terminal/paragraph.ts"
import * as ConfigFlag from "./ConfigFlag.ts"

export const command = Command.make("chat", {
  question: Argument.String("question").pipe(
    Argument.withDescription(
      "The question, in quotes. Default: the lines of stdin"
    ),
    Argument.optional
  ),
  interactive: Flag.Boolean("interactive").pipe(
    Flag.withAlias("i"),
    Flag.withDescription("Holds a session even where stdin is not a terminal"),
    Flag.withDefault(false)
  ),
  config: ConfigFlag.flag,
  provider: Flag.String("provider").pipe(
    Flag.withDescription("Providers to ask, in order: anthropic,ollama"),
    Flag.optional
  ),
  system: Flag.String("system").pipe(
    Flag.withDescription("The system prompt"),
    Flag.optional
  ),
  tool: Flag.Literals("tool", names).pipe(
    Flag.withDescription("Lets the model call this tool; repeatable"),
    Flag.atLeast(0)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints each whole answer as a line of JSON"),
    Flag.withDefault(false)
  )
}, (input) => Effect.flatMap(Effect.promise(() => import("../chat/chat.ts")), ({ chat }) => chat(input))).pipe(
  Command.withShortDescription("Asks your own providers, a local Ollama last"),
  Command.withDescription(paragraph(
    "Asks your providers in order until one answers, and streams the answer to",
    "stdout. One line on stderr then tells which provider answered, after how",
    "many attempts, why the others failed, the tokens and the time.",
    "`holdfast doctor` tells beforehand which provider would answer.",
    "",
    "Without a question it holds a session that remembers the conversation: it",
    "reads the lines of stdin, or what you type at a terminal. There, ctrl-C ends",
    "an answer and ctrl-D ends the session. A failed or ended answer is forgotten",
    "together with its question.",
    "",
    "Environment variables choose the providers:",
    "  OPENAI_API_KEY     key for OpenAI, or for the server at OPENAI_BASE_URL",
    "  OPENAI_BASE_URL    a server that speaks OpenAI's API",
    "  OPENAI_MODEL       its model",
    "  ANTHROPIC_API_KEY  key for Anthropic, which is asked after OpenAI",
    "  ANTHROPIC_BASE_URL, ANTHROPIC_MODEL",
    "  OPENROUTER_API_KEY, GROQ_API_KEY         other clouds, asked next",
    "  VLLM_MODEL, LMSTUDIO_MODEL, LLAMACPP_MODEL",
    "                     servers on this machine, asked after the clouds",
    "  GROQ_MODEL, VLLM_BASE_URL, ...           model and address of each",
    "  OLLAMA_HOST        address of Ollama, which is asked last:",
    "                     127.0.0.1:11434",
    "  OLLAMA_MODEL       its model, already pulled",
    "  PROVIDER_PRIORITY  another order: anthropic,ollama",
    "  CONNECTIVITY_CHECK_URL",
    "                     probed to learn whether this machine is online;",
    "                     offline, no cloud is asked",
    "  LLM_MAX_TOOL_ITERATIONS",
    "                     rounds of tool calls for one answer",
    "  HTTP_PROXY, HTTPS_PROXY, NO_PROXY        the proxy, if there is one",
    "A file can say all of it and more: --config llm.yaml. An example is in",
    "`holdfast check --help`.",
    "",
    "Exit codes: 0 answered, 1 no whole answer, 2 wrong usage or no provider,",
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
