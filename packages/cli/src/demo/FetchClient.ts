/**
 * The program to compare with: an afternoon's code that asks OpenAI's API with plain `fetch`. It checks the status and
 * reads the stream to its end, as most such code does; it sets no timeout, does not retry, and takes the end of the body
 * for the end of the answer.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Mode } from "./DemoEvent.ts"

/** What `fetch` threw, in words. */
export class FetchFailed extends Data.TaggedError("FetchFailed")<{ readonly message: string }> {
  static from(error: unknown): FetchFailed {
    const cause = Predicate.isError(error) ? error.cause : undefined
    const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : undefined
    const message = Predicate.isError(error) ? error.message : String(error)
    return new FetchFailed({ message: code === undefined ? message : `${message}: ${code}` })
  }
}

interface Choices {
  readonly choices: ReadonlyArray<{
    readonly message?: { readonly content: string }
    readonly delta?: { readonly content?: string }
  }>
}

const read = async (response: Response): Promise<string> => {
  let text = ""
  let rest = ""
  const decoder = new TextDecoder()
  for await (const bytes of response.body ?? []) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      if (line.startsWith("data: ") && line !== "data: [DONE]") {
        text += (JSON.parse(line.slice(6)) as Choices).choices[0]?.delta?.content ?? ""
      }
    }
  }
  return text
}

/** Asks once, and gives what the program would show its user. */
export const ask = (options: {
  readonly baseUrl: string
  readonly model: string
  readonly question: string
  readonly mode: Mode
}): Effect.Effect<string, FetchFailed> =>
  Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(`${options.baseUrl}/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: "Bearer demo" },
        body: JSON.stringify({
          model: options.model,
          stream: options.mode === "stream",
          messages: [{ role: "user", content: options.question }]
        }),
        signal
      })
      if (!response.ok) {
        throw new Error(`HTTP ${response.status}`)
      }
      return options.mode === "stream"
        ? await read(response)
        : ((await response.json()) as Choices).choices[0]?.message?.content ?? ""
    },
    catch: FetchFailed.from
  })
