/**
 * Lists the public API of each package in `docs/api`: the declarations of every module that `exports` reaches, without their
 * comments. A change of the API is a change of these files, so a review sees it. `npm run api` writes them, and
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
  const sections = listed.map((file) =>
    `## ${file.replace(/\.d\.ts$/u, "")}\n\n\`\`\`ts\n${declarations(readFileSync(join(dist, file), "utf8"))}\n\`\`\`\n`
  )
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
