/**
 * Sends series that grow, and whose last values still change, as the part of them that is new.
 *
 * A call counts in the slot in which it began, so a slot changes until its calls have ended. Everything from the first slot
 * that differs is sent again: in most frames that is one slot or two of several hundred.
 */

/** The values of all lines from a slot on, line by line. */
export interface Changed {
  /** The first slot that differs, and how many slots there are now. */
  readonly from: number
  readonly slots: number
  /** `slots - from` values of each line. */
  readonly values: Float64Array
}

/** Compares lines with those that were sent last. */
export class Sender {
  private sent: ReadonlyArray<ReadonlyArray<number>> = []

  /** What to send, for lines that all have as many values. */
  changed(lines: ReadonlyArray<ReadonlyArray<number>>): Changed {
    const slots = lines[0]?.length ?? 0
    const { sent } = this
    const before = Math.min(sent[0]?.length ?? 0, slots)
    let from = before
    for (const [i, line] of lines.entries()) {
      const old = sent[i] ?? []
      for (let slot = 0; slot < from; slot++) if (!Object.is(line[slot], old[slot])) from = slot
    }
    const values = new Float64Array((slots - from) * lines.length)
    for (const [i, line] of lines.entries()) values.set(line.slice(from), i * (slots - from))
    this.sent = lines
    return { from, slots, values }
  }
}

/** Puts what was sent together again. */
export class Receiver {
  /** The lines. They have room for more values than there are: the first {@link slots} count. */
  readonly lines: ReadonlyArray<Float64Array>
  slots = 0

  constructor(lines: number, most: number) {
    this.lines = Array.from({ length: lines }, () => new Float64Array(most))
  }

  apply({ from, slots, values }: Changed): void {
    const each = slots - from
    for (const [i, line] of this.lines.entries()) line.set(values.subarray(i * each, (i + 1) * each), from)
    this.slots = slots
  }
}
