/**
 * The reference: a page for every public module of the packages, from its declarations and their doc comments in `dist`.
 * `npm run build` makes those.
 */
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseAst } from "vitest/node"

const root = dirname(import.meta.dirname)

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

interface Declared {
  readonly name: string
  readonly kind: string
  readonly comment: string
  readonly code: string
}

const kinds: Readonly<Record<string, string>> = {
  ClassDeclaration: "class",
  FunctionDeclaration: "function",
  TSDeclareFunction: "function",
  TSInterfaceDeclaration: "interface",
  TSTypeAliasDeclaration: "type",
  TSModuleDeclaration: "namespace",
  VariableDeclaration: "value"
}

/**
 * The exports of a module and what is said of each. An overloaded function is one entry. A declaration that the module
 * publishes from its package's `internal` is one of its own.
 */
const declared = (file: string): ReadonlyArray<Declared> => {
  const text = readFileSync(file, "utf8")
  const found = new Map<string, Declared>()
  const sources = new Map<string, string>()
  let from = 0
  for (const node of parseAst(text, { lang: "dts" }).body) {
    const before = text.slice(from, node.start)
    from = node.end
    if (node.type === "ImportDeclaration") {
      for (const { local } of node.specifiers) sources.set(local.name, node.source.value)
    }
    if (node.type !== "ExportNamedDeclaration") continue
    for (const { exported } of node.specifiers) {
      const name = "name" in exported ? exported.name : exported.value
      const source = node.source?.value ?? sources.get(name)
      if (source?.includes("/internal/") !== true) continue
      const inner = declared(join(dirname(file), source.replace(/\.[jt]s$/u, ".d.ts"))).find((entry) =>
        entry.name === name
      )
      if (inner !== undefined) found.set(name, inner)
    }
    if (node.declaration === null) continue
    const { declaration } = node
    const id = declaration.type === "VariableDeclaration"
      ? declaration.declarations[0]?.id
      : "id" in declaration
      ? declaration.id
      : undefined
    if (id === undefined || id === null || !("name" in id)) continue
    const comment = [...before.matchAll(/\/\*\*([^]*?)\*\//gu)].at(-1)?.[1] ?? ""
    const code = text.slice(node.start, node.end).replace(/^export (declare )?/u, "").replaceAll(
      /^\s*\/\*\*[^]*?\*\/\n/gmu,
      ""
    )
    const seen = found.get(id.name)
    found.set(id.name, {
      name: id.name,
      kind: seen?.kind ?? kinds[declaration.type] ?? "value",
      comment: seen?.comment || prose(comment),
      code: seen === undefined ? code : `${seen.code}\n${code}`
    })
  }
  return [...found.values()]
}

/** A declaration of a page. A schema's type is long, and says little: its beginning is enough. */
const shown = (code: string): string => {
  const lines = code.split("\n")
  return lines.length <= 60 ? code : `${lines.slice(0, 40).join("\n")}\n// and ${lines.length - 40} lines more`
}

const page = (name: string, file: string): string => {
  const text = readFileSync(file, "utf8")
  const module = prose(/^\s*\/\*\*([^]*?)\*\//u.exec(text)?.[1] ?? "")
  const entries = declared(file).map(({ code, comment, kind, name: entry }) =>
    `## ${entry} {#${entry}}\n\n<span class="kind">${kind}</span>\n\n${escaped(comment)}\n\n\`\`\`ts\n${
      shown(code)
    }\n\`\`\`\n`
  )
  return `# ${name} {#the-module}\n\n\`import { ${name.split("/").at(-1)} } from "@holdfast/..."\`\n\n${
    escaped(module)
  }\n\n${entries.join("\n")}`
    .replace(
      "@holdfast/...",
      `@holdfast/${/packages\/(\w+)\//u.exec(file)?.[1]}${name.includes("/") ? `/${name}` : ""}`
    )
}

/** The text of each page of the reference, by `package/Module`. */
export const references: ReadonlyMap<string, string> = new Map(packages.flatMap((name) =>
  globSync("**/*.d.ts", {
    cwd: join(root, "packages", name, "dist"),
    exclude: ["**/internal/**", "index.d.ts", "index.node.d.ts"]
  }).toSorted().map((file) => {
    const module = file.replaceAll("\\", "/").replace(/\.d\.ts$/u, "")
    return [`${name}/${module}`, page(module, join(root, "packages", name, "dist", file))] as const
  })
))
