/**
 * One refusal of a vendor, and what an engineer on call wants of a chain then.
 *
 * Those of `compared.ts`, `comparedClouds.ts` and `anthropicCodes.ts` were compared with what their source shows. Of the other 305, 121 were (2026-11-26), and of the 62
 * failures in a stream, 4: the report that `source` names shows the code, type, status or words; other fields of the body
 * may differ. The rest follows the page that it names, which was not compared.
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
