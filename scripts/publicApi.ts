/**
 * The public API of a package, from the declarations that `npm run build` writes: the modules that `exports` reaches, and in each
 * its declarations with their comments. The report in `docs/api` and the reference of the site are made of it.
 */
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseAst } from "vitest/node"

const root = dirname(import.meta.dirname)

/** A declaration. An overloaded function is one. */
export interface Declared {
  readonly name: string
  readonly kind: string
  /** The doc comment, with its stars. */
  readonly comment: string
  /** The declaration without comments. */
  readonly code: string
  readonly isExported: boolean
}

export interface Module {
  /** `Policy`, `testing/TestProvider`. */
  readonly name: string
  /** Where a program imports it from. */
  readonly from: string
  /** The comment at the top of the module, with its stars. */
  readonly comment: string
  readonly declarations: ReadonlyArray<Declared>
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

const withoutComments = (code: string): string => code.replaceAll(/^\s*\/\*\*[^]*?\*\/\n/gmu, "")

/**
 * The declarations of a file, and those that it publishes from its package's `internal`. A class stands below its base, which
 * has its fields.
 */
const declarationsOf = (file: string): ReadonlyArray<Declared> => {
  const text = readFileSync(file, "utf8")
  const found = new Map<string, Declared>()
  const sources = new Map<string, string>()
  let from = 0
  for (const node of parseAst(text, { lang: "dts" }).body) {
    const before = text.slice(from, node.start)
    from = node.end
    if (node.type === "ImportDeclaration") {
      for (const { local } of node.specifiers) sources.set(local.name, node.source.value)
      continue
    }
    if (node.type === "ExportNamedDeclaration") {
      for (const { exported } of node.specifiers) {
        const name = "name" in exported ? exported.name : exported.value
        const source = node.source?.value ?? sources.get(name)
        if (source === undefined) continue
        if (!source.includes("/internal/")) {
          // Another public module has its declaration and its comment.
          found.set(name, {
            name,
            kind: "",
            comment: "",
            code: `export { ${name} } from "${source}";`,
            isExported: false
          })
          continue
        }
        for (const entry of declarationsOf(join(dirname(file), source.replace(/\.[jt]s$/u, ".d.ts")))) {
          if (entry.name === name || entry.name === `${name}_base`) found.set(entry.name, entry)
        }
      }
    }
    const declaration = node.type === "ExportNamedDeclaration" ? node.declaration : node
    if (declaration === null || kinds[declaration.type] === undefined) continue
    const id = declaration.type === "VariableDeclaration"
      ? declaration.declarations[0]?.id
      : "id" in declaration
      ? declaration.id
      : undefined
    if (id === undefined || id === null || !("name" in id)) continue
    const code = withoutComments(text.slice(node.start, node.end))
    const seen = found.get(id.name)
    found.set(id.name, {
      name: id.name,
      kind: seen?.kind ?? kinds[declaration.type] ?? "value",
      comment: seen?.comment || ([...before.matchAll(/\/\*\*([^]*?)\*\//gu)].at(-1)?.[1] ?? ""),
      code: seen === undefined ? code : `${seen.code}\n${code}`,
      isExported: node.type === "ExportNamedDeclaration"
    })
  }
  return [...found.values()]
}

/** The packages, by name. */
export const packages: ReadonlyArray<string> = globSync("packages/*/package.json", { cwd: root })
  .map((file) => file.split(/[\\/]/u)[1] ?? "").toSorted()

/** The modules of a package that `exports` reaches: each file of its own, or those that the index names. */
export const modulesOf = (name: string): ReadonlyArray<Module> => {
  const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  const dist = join(root, "packages", name, "dist")
  const files = "./*" in manifest.exports
    ? globSync("**/*.d.ts", { cwd: dist, exclude: ["**/internal/**", "index.d.ts", "index.node.d.ts", "bin.d.ts"] })
      .map((file) => file.replaceAll("\\", "/"))
    : Array.from(
      readFileSync(join(dist, "index.d.ts"), "utf8").matchAll(/from "\.\/(.*)\.[jt]s"/gu),
      ([, file]) => `${file}.d.ts`
    )
  return files.toSorted().map((file) => ({
    name: file.replace(/\.d\.ts$/u, ""),
    from: `@holdfast/${name}${
      "./*" in manifest.exports && file.includes("/") ? `/${file.replace(/\.d\.ts$/u, "")}` : ""
    }`,
    // A declaration file loses the comment where the import below it is only needed inside.
    comment: /^\s*\/\*\*([^]*?)\*\//u
      .exec(readFileSync(join(root, "packages", name, "src", file.replace(".d.ts", ".ts")), "utf8"))?.[1] ?? "",
    declarations: declarationsOf(join(dist, file))
  }))
}
