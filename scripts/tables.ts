/** Tables that scripts write into Markdown, each between a comment with its name and `<!-- end -->`. */

/** A table of Markdown. `npm run format` aligns its columns. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const place = (name: string) => new RegExp(`(<!-- ${name}: [^>]*-->)[^]*?(<!-- end -->)`, "u")

/** Puts tables into their places in the text of a file. */
export const filling = (file: URL, tables: Readonly<Record<string, string>>) => (text: string): string =>
  Object.entries(tables).reduce((text, [name, table]) => {
    if (!place(name).test(text)) throw new Error(`${file.pathname} has no place for the table "${name}"`)
    return text.replace(place(name), (_, before: string, after: string) => `${before}\n\n${table}\n\n${after}`)
  }, text)
