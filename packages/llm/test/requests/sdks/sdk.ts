/** A vendor's own client, and how it is asked. */
import type { Case } from "../cases.ts"

export interface Sdk {
  /** What its snapshot is called. */
  readonly name: string
  /** Its package on npm. */
  readonly package: string
  /** Asks, and fails where the client takes no such request. */
  readonly ask: (asked: Case) => Promise<unknown>
}

/** A request for which a client has no words, such as a file that its API does not take. */
export class NoWords extends Error {}

export const parsed = (input: unknown): unknown => {
  if (typeof input !== "string") return input
  try {
    return JSON.parse(input)
  } catch {
    return input
  }
}
