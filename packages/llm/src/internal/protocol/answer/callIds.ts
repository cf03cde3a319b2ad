/**
 * The ids of the calls of an answer. A result finds its call by its id, so each id is the only one of its kind in the
 * conversation: a call without an id, or with one that another call has, gets a new one.
 *
 * Guarded by `test/corpus/answers/answers.test.ts` and `test/protocol/answer/calls.laws.test.ts`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import { text } from "../field.ts"

export class CallIds {
  private readonly request: Pick<LanguageModel.ProviderOptions, "prompt">
  private readonly newId: () => string
  /** Collected for the first call: most answers have none. */
  private taken: Set<string> | undefined

  constructor(request: Pick<LanguageModel.ProviderOptions, "prompt">, newId: () => string) {
    this.request = request
    this.newId = newId
  }

  /** The server's own id where it may stand. Mistral writes `"null"` where it has none. */
  take(given: unknown): string {
    const taken = this.taken ??= idsOf(this.request)
    const own = text(given)
    const id = own === undefined || own.trim() === "" || own === "null" || taken.has(own) ? this.newId() : own
    taken.add(id)
    return id
  }
}

/** The ids of the calls that a conversation has already. */
const idsOf = ({ prompt }: Pick<LanguageModel.ProviderOptions, "prompt">): Set<string> =>
  new Set(
    prompt.content.flatMap((message) =>
      message.role === "assistant"
        ? message.content.flatMap((part) => part.type === "tool-call" ? [part.id] : [])
        : []
    )
  )
