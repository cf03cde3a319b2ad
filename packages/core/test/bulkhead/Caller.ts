/** What the tests of bulkheads have in common. */
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

export type Machine = Bulkhead.Bulkhead["machines"]["only"]
export type Waiter = Parameters<Machine["enqueue"]>[0]

export const machineOf = (bulkhead: Effect.Effect<Bulkhead.Bulkhead>): Machine => Effect.runSync(bulkhead).machines.only

/** A call as the machine sees it. */
export class Caller implements Waiter {
  before: Waiter | undefined = undefined
  after: Waiter | undefined = undefined
  readonly id: number
  readonly onGrant: (id: number) => void
  constructor(id: number, onGrant: (id: number) => void) {
    this.id = id
    this.onGrant = onGrant
  }
  grant(): void {
    this.onGrant(this.id)
  }
}
