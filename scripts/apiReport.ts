/**
 * Lists the public API of each package in `docs/api`: the declarations of every module that `exports` reaches, with those that
 * it publishes from `internal`, without their comments. A change of the API is a change of these files, so a review sees it. `npm run api` writes them, and
 * `npm run api -- --check` fails where they are out of date.
 */
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const root = dirname(import.meta.dirname)

/** The declarations of a module, without comments, imports and what is internal. */
export const declarations = (text: string): string =>
  text
    .replaceAll(/^\s*\/\*\*[^]*?\*\/\n/gmu, "")
    .replaceAll(/^(?:import|export \* as \w+|export \{\}).*?;\n/gmu, "")
    .replaceAll(/^\/\/# sourceMappingURL=.*$/gmu, "")
    .trim()

/** The declarations that a module publishes from `internal`: `export { A, type B } from "./internal/..."`, or of its imports. */
const published = (file: string): string => {
  const text = readFileSync(file, "utf8")
  const names = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gmu)]
    .flatMap(([, list = ""]) => list.split(",").map((name) => name.replace(/\btype\b/u, "").trim()))
  const sources = [...text.matchAll(/from "(\.[^"]*\/internal\/[^"]*)\.[jt]s"/gu)]
    .map(([, source = ""]) => join(dirname(file), `${source}.d.ts`))
  const found = [...new Set(sources)].flatMap((source) =>
    declarations(readFileSync(source, "utf8")).split(/^(?=\S*\s?(?:declare|interface|type|class|const)\b)/mu)
      .map((declaration) => ({
        declaration: declaration.trim(),
        // A class stands below its base, which has its fields.
        name: /^(?:export )?(?:declare )?(?:interface|type|class|const|function) (\w+?)(?:_base)?\b/u.exec(declaration)
          ?.[1]
      }))
  )
  return names.toSorted()
    .flatMap((wanted) => found.flatMap(({ declaration, name }) => name === wanted ? [declaration] : [])).join("\n")
}

const report = (name: string): string => {
  const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  const dist = join(root, "packages", name, "dist")
  const pattern = "./*" in manifest.exports ? "**/*.d.ts" : "index.d.ts"
  const modules = globSync(pattern, { cwd: dist, exclude: ["**/internal/**", "index.d.ts", "bin.d.ts"] }).toSorted()
  const listed = pattern === "index.d.ts"
    ? [...readFileSync(join(dist, "index.d.ts"), "utf8").matchAll(/from "\.\/(.*)\.[jt]s"/gu)]
      .map(([, file]) => `${file}.d.ts`)
    : modules
  const sections = listed.map((file) => {
    const own = declarations(readFileSync(join(dist, file), "utf8"))
    const text = [own, published(join(dist, file))].filter((part) => part !== "").join("\n")
    return `## ${file.replace(/\.d\.ts$/u, "")}\n\n\`\`\`ts\n${text}\n\`\`\`\n`
  })
  return `# The public API of @holdfast/${name}\n\nWritten by \`npm run api\`. Do not edit.\n\n${sections.join("\n")}`
}

if (import.meta.main) {
  const isCheck = process.argv.includes("--check")
  const names = globSync("packages/*/package.json", { cwd: root }).map((file) => file.split(/[\\/]/u)[1] ?? "")
    .toSorted()
  mkdirSync(join(root, "docs/api"), { recursive: true })
  const stale = names.filter((name) => {
    const file = join(root, "docs/api", `${name}.md`)
    const text = report(name)
    if (isCheck) return !existsSync(file) || readFileSync(file, "utf8") !== text
    writeFileSync(file, text)
    return false
  })
  if (stale.length > 0) {
    process.stdout.write(`docs/api is out of date for ${stale.join(", ")}: run \`npm run api\`\n`)
    process.exitCode = 1
  }
}
