/**
 * The statuses that a service answers with.
 *
 * Guarded by `test/endpoint/endpoint.test.ts`.
 */
import type { Reason } from "../../CallFailure.ts"

/** The reasons that have a status. The others break the connection. */
type Answered = Exclude<Reason, "cut" | "refused">

export type Statuses = Readonly<Record<Answered, number>>

export const defaultStatuses: Statuses = {
  failed: 500,
  dependency: 502,
  overloaded: 503,
  limited: 429,
  timeout: 504
}
