/** How servers put an error into a stream. */
import type { Outcome, Protocol } from "./refusal.ts"

export const data = (json: unknown): string => `data: ${JSON.stringify(json)}\n\n`
export const named = (json: unknown): string => `event: error\n${data(json)}`
export const line = (json: unknown): string => `${JSON.stringify(json)}\n`
export const e = (message: string, type: string | null, code: string | number | null = null) => ({
  error: { message, type, code }
})
export const a = (type: string, message: string) =>
  named({ type: "error", error: { type, message }, request_id: "req_1" })

export type Row = readonly [
  vendor: string,
  protocol: Protocol,
  what: string,
  frame: string,
  outcome: Outcome,
  source: string
]
