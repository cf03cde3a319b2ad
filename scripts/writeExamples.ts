/**
 * Writes each runnable example of the documentation to a file of its own, with its line numbers, so that `tsc` checks it
 * as it checks a test. An example resolves its imports as the package does that it stands in, Markdown as the CLI does.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { examples } from "../vitest.docs.ts"

const root = dirname(import.meta.dirname)
const home = (file: string) => join(root, "packages", /^packages\/(\w+)\//.exec(file)?.[1] ?? "cli", ".examples")

for (const stale of globSync("packages/*/.examples", { cwd: root })) rmSync(join(root, stale), { recursive: true })

for (
  const file of globSync(["packages/*/src/**/*.ts", "packages/*/README.md", "README.md", "docs/**/*.md"], { cwd: root })
) {
  for (const { line, module } of examples(readFileSync(join(root, file), "utf8"))) {
    mkdirSync(home(file), { recursive: true })
    writeFileSync(join(home(file), `${basename(file, ".ts")}.${line}.ts`), module())
  }
}
