/**
 * What a script of the store answers. Whatever is between this process and Redis may answer otherwise: a proxy, another version's
 * script, a client that reads numbers as texts. An odd answer is a failure of the store, and never NaN.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */

/** The tag and the time of Redis, and what the script says beyond. */
export interface Answer {
  readonly tag: string
  readonly now: number
  readonly rest: ReadonlyArray<unknown>
}

/** The tag of an answer to a step that came too late. */
export const late = "late"

export const odd =
  "Redis gave no answer of a script of the chain store. Does a proxy stand between, or another program use " +
  "its keys?"

const finite = (value: unknown): number | undefined => {
  const number = typeof value === "number" ? value : typeof value === "string" && value !== "" ? Number(value) : NaN
  return Number.isFinite(number) ? number : undefined
}

/** The answer of a script; `undefined` for anything else. */
export const of = (reply: unknown): Answer | undefined => {
  if (!Array.isArray(reply)) return undefined
  const [tag, time, ...rest] = reply as ReadonlyArray<unknown>
  const now = finite(time)
  return typeof tag === "string" && now !== undefined ? { tag, now, rest } : undefined
}

/** The first `count` values as numbers; `undefined` where one of them is not a number. */
export const numbers = (values: unknown, count: number): ReadonlyArray<number> | undefined => {
  if (!Array.isArray(values) || values.length < count) return undefined
  const read = values.slice(0, count).flatMap((value) => finite(value) ?? [])
  return read.length === count ? read : undefined
}
