/**
 * The program to compare with: an afternoon's code that asks OpenAI's API with plain `fetch`, and runs the tool that the
 * model has called. It checks the status and reads the stream to its end, as most such code does; it sets no timeout, does
 * not retry, and takes the end of the body for the end of the answer.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Mode } from "./DemoEvent.ts"
import type * as Question from "./Question.ts"

/** What `fetch` threw, in words. */
export class FetchFailed extends Data.TaggedError("FetchFailed")<{ readonly message: string }> {
  static from(error: unknown): FetchFailed {
    const cause = Predicate.isError(error) ? error.cause : undefined
    const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : undefined
    const message = Predicate.isError(error) ? error.message : String(error)
    return new FetchFailed({ message: code === undefined ? message : `${message}: ${code}` })
  }
}

interface Part {
  readonly content?: string | null
  readonly tool_calls?: ReadonlyArray<{ readonly id?: string; readonly function: { readonly arguments: string } }>
}

interface Choices {
  readonly choices: ReadonlyArray<{ readonly message?: Part; readonly delta?: Part }>
}

interface Said {
  text: string
  call: { readonly id: string; args: string } | undefined
}

const add = (said: Said, part: Part | undefined): Said => {
  said.text += part?.content ?? ""
  for (const { function: { arguments: args }, id } of part?.tool_calls ?? []) {
    said.call ??= { id: id ?? "", args: "" }
    said.call.args += args
  }
  return said
}

const read = async (response: Response): Promise<Said> => {
  const said: Said = { text: "", call: undefined }
  let rest = ""
  const decoder = new TextDecoder()
  for await (const bytes of response.body ?? []) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      if (line.startsWith("data: ") && line !== "data: [DONE]") {
        add(said, (JSON.parse(line.slice(6)) as Choices).choices[0]?.delta)
      }
    }
  }
  return said
}

const parse = (args: string): Question.Reserve => {
  try {
    return JSON.parse(args) as Question.Reserve
  } catch {
    throw new Error("the tool's arguments are not JSON")
  }
}

const tool = { type: "function", function: { name: "reserve", parameters: { type: "object" } } }

/** Asks, and gives what the program would show its user. */
export const ask = (options: {
  readonly baseUrl: string
  readonly model: string
  readonly question: string
  readonly mode: Mode
  readonly reserve: (params: Question.Reserve) => string
  readonly onRequest: () => void
}): Effect.Effect<string, FetchFailed> => {
  const send = async (messages: ReadonlyArray<unknown>, signal: AbortSignal): Promise<Said> => {
    options.onRequest()
    const response = await fetch(`${options.baseUrl}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer demo" },
      body: JSON.stringify({ model: options.model, stream: options.mode === "stream", tools: [tool], messages }),
      signal
    })
    if (!response.ok) {
      throw new Error(`HTTP ${response.status}`)
    }
    return options.mode === "stream"
      ? await read(response)
      : add({ text: "", call: undefined }, ((await response.json()) as Choices).choices[0]?.message)
  }
  return Effect.tryPromise({
    try: async (signal) => {
      const question = { role: "user", content: options.question }
      const { call, text } = await send([question], signal)
      if (call === undefined) {
        return text
      }
      const reservation = options.reserve(parse(call.args))
      const calls = [{ id: call.id, type: "function", function: { name: "reserve", arguments: call.args } }]
      const answer = await send([
        question,
        { role: "assistant", content: null, tool_calls: calls },
        { role: "tool", tool_call_id: call.id, content: JSON.stringify({ reservation }) }
      ], signal)
      return answer.text
    },
    catch: FetchFailed.from
  })
}
