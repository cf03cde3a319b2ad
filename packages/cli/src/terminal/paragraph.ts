/** Lines of a help text, as the help of `effect/cli` wants them: all but the first indented, and none that ends in a blank. */
export const paragraph = (...lines: ReadonlyArray<string>): string =>
  lines.map((line, index) => index === 0 || line === "" ? line : `  ${line}`).join("\n")

/** A text in lines of at most `width` characters, broken between words. */
export const wrapped = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of text.split(" ")) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
