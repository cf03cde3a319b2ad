/**
 * The reference: a page for every public module of the packages, from its declarations and their doc comments in `dist`.
 * `npm run build` makes those.
 */
import { type Module, modulesOf } from "../scripts/publicApi.ts"

/** The packages with a reference, in the order of the sidebar. */
const packages = ["core", "http", "llm", "simulator"]

/** A doc comment as Markdown: its stars and its tags are gone, and examples are what a reader would write. */
const prose = (comment: string): string =>
  comment
    .replace(/^\*\s?/u, "")
    .replaceAll(/^\s*\*( |$)/gmu, "")
    .replaceAll(/^```ts import\.meta\.vitest/gmu, "```ts")
    .replaceAll(/\{@link ([^}]+)\}/gu, "`$1`")
    .replaceAll(/^#+ (.*)$/gmu, "**$1**")
    .replaceAll(/^@(\w+)\s*/gmu, "_$1_ ")
    .trim()

/** Text between code is not HTML: `Effect<A>` in a sentence is not a tag. */
const escaped = (text: string): string =>
  text.split(/(^```[^]*?^```$|`[^`\n]*`)/mu).map((part, index) =>
    index % 2 === 1 ? part : part.replaceAll("<", "&lt;").replaceAll("{{", "&#123;&#123;")
  ).join("")

/** A declaration of a page. A schema's type is long, and says little: its beginning is enough. */
const shown = (code: string): string => {
  const lines = code.split("\n")
  return lines.length <= 60 ? code : `${lines.slice(0, 40).join("\n")}\n// and ${lines.length - 40} lines more`
}

const page = ({ comment, declarations, from, name }: Module): string => {
  const entries = declarations.filter(({ isExported }) => isExported).map(({ code, comment, kind, name: entry }) =>
    `## ${entry} {#${entry}}\n\n<span class="kind">${kind}</span>\n\n${escaped(prose(comment))}\n\n\`\`\`ts\n${
      shown(code.replace(/^export (declare )?/u, ""))
    }\n\`\`\`\n`
  )
  return `# ${name} {#the-module}\n\n\`import { ${name.split("/").at(-1)} } from "${from}"\`\n\n${
    escaped(prose(comment))
  }\n\n${entries.join("\n")}`
}

/** The text of each page of the reference, by `package/Module`. */
export const references: ReadonlyMap<string, string> = new Map(
  packages.flatMap((name) => modulesOf(name).map((module) => [`${name}/${module.name}`, page(module)] as const))
)
