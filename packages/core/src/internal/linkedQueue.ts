/**
 * A queue of those who wait: a doubly linked list through its members, so that one can leave from the middle in one step
 * and waiting costs no memory beside the member's own.
 *
 * Guarded by `test/composition/everything.test.ts` and `test/composition/order.test.ts`.
 */

/** Something that can stand in one line. */
export interface Member<Self> {
  before: Self | undefined
  after: Self | undefined
}

export class LinkedQueue<M extends Member<M>> {
  first: M | undefined = undefined
  length = 0
  private last: M | undefined = undefined

  /** Puts a member at the end. */
  join(member: M): void {
    member.before = this.last
    if (this.last === undefined) this.first = member
    else this.last.after = member
    this.last = member
    this.length++
  }

  /** Takes a member out, wherever it stands; `false` when it does not stand in the line. */
  leave(member: M): boolean {
    const { after, before } = member
    if (before === undefined && this.first !== member) return false
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    member.before = undefined
    member.after = undefined
    this.length--
    return true
  }
}
