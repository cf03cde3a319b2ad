/** Ends that are seldom seen, one for each way in which a reader could take them for another. */
import type { Answer } from "./forms.ts"
import { at, chunks, completion, event, line, oslo, say, weather } from "./forms.ts"

const candidate = (index: number, text: string, rest: object = {}) => ({
  index,
  content: { role: "model", parts: [{ text }] },
  ...rest
})
const call = (index: number, id: string, args: string) => ({
  index,
  id,
  function: { name: "weather", arguments: args }
})
const twice = (id: string) =>
  completion({ content: null, tool_calls: [0, 1].map((i) => call(i, id, oslo)) }, "tool_calls")

const cut = { fails: "NetworkError" } as const
const openai = {
  vendor: "OpenAI",
  protocol: "openai",
  source: "https://platform.openai.com/docs/api-reference/chat/object"
} as const
const gemini = {
  vendor: "Gemini",
  protocol: "gemini",
  source: "https://ai.google.dev/api/generate-content#FinishReason",
  asked: "stream"
} as const

export const answers: ReadonlyArray<Answer> = [
  {
    ...openai,
    what: "a call's name again, beside blanks",
    asked: "stream",
    body: chunks(
      at,
      say({ tool_calls: [call(0, "c1", oslo)] }),
      say({ tool_calls: [call(0, "c1", "\n")] }),
      say({}, "tool_calls")
    ),
    means: { calls: [weather], finish: "tool-calls" }
  },
  {
    ...openai,
    what: "calls whose id is the word null",
    asked: "whole",
    body: twice("null"),
    means: { calls: [weather, weather], finish: "tool-calls" }
  },
  {
    ...openai,
    what: "calls of one id",
    asked: "whole",
    body: twice("c1"),
    means: { calls: [weather, weather], finish: "tool-calls" }
  },
  {
    ...gemini,
    what: "an unspecified reason alone",
    body: event({ candidates: [candidate(0, "Hi", { finishReason: "FINISH_REASON_UNSPECIFIED" })] }),
    means: cut
  },
  {
    ...gemini,
    what: "another candidate before the first",
    body: event({ candidates: [candidate(1, "Ho"), candidate(0, "Hi", { finishReason: "STOP" })] }),
    means: { text: "Hi", finish: "stop" }
  },
  {
    vendor: "Bedrock",
    protocol: "bedrock",
    source: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html",
    what: "a call without its end",
    asked: "stream",
    body: [
      ["messageStart", { role: "assistant" }],
      ["contentBlockStart", { contentBlockIndex: 0, start: { toolUse: { toolUseId: "c", name: "weather" } } }],
      ["contentBlockDelta", { contentBlockIndex: 0, delta: { toolUse: { input: "{\"city\":" } } }],
      ["messageStop", { stopReason: "tool_use" }],
      ["metadata", { usage: { inputTokens: 5, outputTokens: 1 } }]
    ],
    means: cut
  },
  {
    vendor: "Ollama",
    protocol: "ollama",
    source: "https://github.com/ollama/ollama/blob/main/docs/api.md",
    what: "a cut after many words",
    asked: "stream",
    body: Array.from({ length: 40 }, (_, i) => line({ content: ` ${i}` })).join(""),
    means: cut
  }
]
