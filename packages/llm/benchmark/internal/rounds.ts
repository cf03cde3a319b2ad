/** What the benchmarks here share: rounds in which candidates take turns, medians over them, and a table. */

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[(sorted.length - 1) >> 1] ?? NaN) + (sorted[sorted.length >> 1] ?? NaN)) / 2
}

/** The medians of what each candidate measured over the rounds. They start in another order each round. */
export const interleave = async <Measure extends Readonly<Record<string, number>>>(
  candidates: Readonly<Record<string, () => Promise<Measure>>>,
  rounds: number
): Promise<Readonly<Record<string, Measure>>> => {
  const entries = Object.entries(candidates)
  const measured = new Map(entries.map(([name]) => [name, new Array<Measure>()]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const [name, run] = entries[(turn + round) % entries.length]!
      measured.get(name)!.push(await run())
    }
  }
  return Object.fromEntries(
    entries.map(([name]) => {
      const all = measured.get(name)!
      const keys = Object.keys(all[0]!)
      const medians = Object.fromEntries(keys.map((key) => [key, median(all.map((one) => one[key] ?? NaN))]))
      return [name, medians as Measure]
    })
  )
}

/** A table in Markdown, its first column to the left. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: ReadonlyArray<string>) =>
    `| ${
      cells.map((cell, column) => column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join(
        " | "
      )
    } |\n`
  return line(head) +
    line(widths.map((width, column) => column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)) +
    rows.map(line).join("")
}
