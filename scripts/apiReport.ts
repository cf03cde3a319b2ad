/**
 * Lists the public API of each package in `docs/api`, without comments. A change of the API is a change of these files, so a
 * review sees it. `npm run api` writes them, and `npm run api -- --check` fails where they are out of date.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { modulesOf, packages } from "./publicApi.ts"

const folder = join(dirname(import.meta.dirname), "docs/api")

const report = (name: string): string => {
  const sections = modulesOf(name).map((module) =>
    `## ${module.name}\n\n\`\`\`ts\n${module.declarations.map(({ code }) => code).join("\n")}\n\`\`\`\n`
  )
  return `# The public API of @holdfast/${name}\n\nWritten by \`npm run api\`. Do not edit.\n\n${sections.join("\n")}`
}

const isCheck = process.argv.includes("--check")
mkdirSync(folder, { recursive: true })
const stale = packages.filter((name) => {
  const file = join(folder, `${name}.md`)
  const text = report(name)
  if (isCheck) return !existsSync(file) || readFileSync(file, "utf8") !== text
  writeFileSync(file, text)
  return false
})
if (stale.length > 0) {
  process.stdout.write(`docs/api is out of date for ${stale.join(", ")}: run \`npm run api\`\n`)
  process.exitCode = 1
}
