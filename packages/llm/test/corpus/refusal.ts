/**
 * One refusal of a vendor, and what an engineer on call wants of a chain then.
 *
 * A refusal whose source is a public thread, or a vendor's list of codes, was compared with it: the source shows its code,
 * type, status or words; other fields of the body may differ. The rest follows the page that it names, which was not
 * compared. `isCompared` tells them apart, and a test counts them.
 */

/**
 * - `retries`: the same provider again, twice; then the next one, and this one rests.
 * - `waits`: the same, four times, as for a local server that is loading or busy.
 * - `again`: as `retries`, but it does not rest.
 * - `next`: the next provider after one request, and this one does not rest.
 * - `rests`: the next provider after one request, and this one rests.
 * - `larger`: the next provider whose context is larger, or none.
 * - `policy`: a `ContentPolicyError`, or the next provider with `fallbackOnContentPolicy`.
 * - `fails`: no other provider is asked.
 */
export type Outcome = "retries" | "waits" | "again" | "next" | "rests" | "larger" | "policy" | "fails"

export interface Refusal {
  readonly what: string
  readonly status: number
  /** JSON, or a text as it is. */
  readonly body: unknown
  readonly outcome: Outcome
  /** Where it was seen in public, or where the vendor should say so. */
  readonly source: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Who speaks how: the provider that one would use for the vendor. */
export type Protocol =
  | "openai"
  | "openrouter"
  | "groq"
  | "vllm"
  | "lmstudio"
  | "llamacpp"
  | "anthropic"
  | "gemini"
  | "bedrock"
  | "ollama"

export interface Vendor {
  readonly name: string
  readonly protocol: Protocol
  readonly refusals: ReadonlyArray<Refusal>
}

/** Lists of codes whose every row was compared. */
const comparedLists: ReadonlySet<string> = new Set([
  "https://github.com/anthropics/anthropic-sdk-typescript/blob/main/src/core/error-classes.ts"
])

/** Whether a source was compared with what is written here: a public thread always was. */
export const isCompared = (source: string): boolean =>
  comparedLists.has(source) || /^https:\/\/github\.com\/[^/]+\/[^/]+\/(issues|pull|discussions)\/\d+/.test(source)

/** A vendor's refusals: what, status, body, outcome, source, headers. */
export const vendor = (
  name: string,
  protocol: Protocol,
  rows: ReadonlyArray<
    readonly [
      what: string,
      status: number,
      body: unknown,
      outcome: Outcome,
      source: string,
      headers?: Readonly<Record<string, string>>
    ]
  >
): Vendor => ({
  name,
  protocol,
  refusals: rows.map(([what, status, body, outcome, source, headers = {}]) => ({
    what,
    status,
    body,
    outcome,
    source,
    headers
  }))
})
