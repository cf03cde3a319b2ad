/** Answers of a `LanguageModel`, as OpenAI's chat completions have them. */
import { ProviderChain } from "@holdfast/llm"
import { Option } from "effect"
import type { Response } from "effect/ai"

type Part = Response.AnyPart

const finishReasons: Readonly<Record<string, string>> = {
  "length": "length",
  "content-filter": "content_filter",
  "tool-calls": "tool_calls"
}

const usageOf = ({ inputTokens, outputTokens }: Response.Usage) => ({
  prompt_tokens: inputTokens.total ?? 0,
  completion_tokens: outputTokens.total ?? 0,
  total_tokens: (inputTokens.total ?? 0) + (outputTokens.total ?? 0)
})

const callOf = ({ id, name, params }: { readonly id: string; readonly name: string; readonly params: unknown }) => ({
  id,
  type: "function",
  function: { name, arguments: JSON.stringify(params) }
})

/** What every object of an answer begins with. `model` is the one that answers, once it is known. */
export interface Head {
  readonly id: string
  readonly created: number
  model: string
}

const answeredBy = (parts: ReadonlyArray<Part>) =>
  Option.map(ProviderChain.answeredBy(parts), ({ model, provider }) => `${provider}/${model}`)

/** A whole answer. */
export const completion = (head: Head, parts: ReadonlyArray<Part>) => {
  const text = parts.flatMap((part) => part.type === "text" ? [part.text] : []).join("")
  const calls = parts.flatMap((part) => part.type === "tool-call" ? [callOf(part)] : [])
  const finish = parts.find((part) => part.type === "finish")
  return {
    ...head,
    model: Option.getOrElse(answeredBy(parts), () => head.model),
    object: "chat.completion",
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: text === "" ? null : text,
        refusal: null,
        ...(calls.length === 0 ? {} : { tool_calls: calls })
      },
      logprobs: null,
      finish_reason: calls.length > 0 ? "tool_calls" : finishReasons[finish?.reason ?? ""] ?? "stop"
    }],
    ...(finish === undefined ? {} : { usage: usageOf(finish.usage) })
  }
}

/** The chunks of a streamed answer: one function an answer, for it counts the calls of tools. */
export const chunksOf = (head: Head, withUsage: boolean) => {
  let calls = 0
  const chunk = (delta: object, finish: string | null = null) => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    ...(withUsage ? { usage: null } : {})
  })
  return (part: Part): ReadonlyArray<object> => {
    head.model = Option.getOrElse(answeredBy([part]), () => head.model)
    switch (part.type) {
      case "text-delta":
        return [chunk({ content: part.delta })]
      case "tool-call":
        return [chunk({ tool_calls: [{ index: calls++, ...callOf(part) }] })]
      case "finish":
        return [
          chunk({}, calls > 0 ? "tool_calls" : finishReasons[part.reason] ?? "stop"),
          ...(withUsage
            ? [{ ...head, object: "chat.completion.chunk", choices: [], usage: usageOf(part.usage) }]
            : [])
        ]
      default:
        return []
    }
  }
}
