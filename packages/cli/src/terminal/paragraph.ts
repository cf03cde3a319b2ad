/** Text in lines: help, wrapped paragraphs and tables. Escapes of colours take no room. */
import { displayWidth } from "effect/cli/CliOutput"

/** Lines of a help text, as the help of `effect/cli` wants them: all but the first indented, and none that ends in a blank. */
export const paragraph = (...lines: ReadonlyArray<string>): string =>
  lines.map((line, index) => index === 0 || line === "" ? line : `  ${line}`).join("\n")

/** The fewest columns beside a head. With less room the text begins below it. */
const leastRoom = 20

/**
 * A head and the text after it in lines of at most `width` columns, broken between words. The lines after the first begin
 * with `indent` blanks. A word that is wider than a line has a line of its own.
 */
export const wrapped = (text: string, width: number, head = "", indent = displayWidth(head)): ReadonlyArray<string> => {
  if (indent > 6 && width - indent < leastRoom && head.trim() !== "") {
    return [...fitted([head], width), ...wrapped(text, width, " ".repeat(6))]
  }
  const lines: Array<string> = []
  let line = head
  let isFresh = true
  for (const word of text.split(" ")) {
    if (isFresh && displayWidth(line) + displayWidth(word) <= width) {
      line += word
    } else if (!isFresh && displayWidth(line) + 1 + displayWidth(word) <= width) {
      line += ` ${word}`
    } else {
      if (line.trim() !== "") lines.push(line)
      line = " ".repeat(indent) + word
    }
    isFresh = false
  }
  return [...lines, line]
}

/** A message of several lines in one: the path and the advice often stand below the first. */
export const inOneLine = (text: string): string =>
  text.split("\n").map((line) => line.trim()).filter((line) => line !== "").join(" ")

/** Lines without trailing blanks, and none wider than `width`: what is too wide goes on below, as far in as it began. */
export const fitted = (lines: ReadonlyArray<string>, width: number): ReadonlyArray<string> =>
  lines.flatMap((line) => {
    const text = line.trimEnd()
    if (displayWidth(text) <= width) return [text]
    const head = /^ */u.exec(text)?.[0] ?? ""
    return wrapped(text.slice(head.length), width, head)
  })

/** Cells in columns as wide as their widest cell: the first column to the left, the others to the right. */
export const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ""))))
  return rows.map((row) =>
    row.map((cell, column) => {
      const room = " ".repeat((widths[column] ?? 0) - displayWidth(cell))
      return column === 0 ? cell + room : room + cell
    }).join("  ").trimEnd()
  )
}
