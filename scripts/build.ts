/**
 * Builds the packages, unless what was built last is what would be built: the jobs of the gate that look at the packages each begin
 * with a build, and nothing changes between them. Both what goes in and what came out are compared, by content.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const root = dirname(import.meta.dirname)
const stamp = join(root, "node_modules/.cache/build.json")

const digest = (patterns: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const file of globSync([...patterns], { cwd: root }).toSorted()) {
    const path = join(root, file)
    if (statSync(path).isFile()) hash.update(`${file}\0`).update(readFileSync(path)).update("\0")
  }
  return hash.digest("hex")
}

const current = () =>
  JSON.stringify({
    inputs: digest([
      "packages/*/src/**",
      "packages/*/{package,tsconfig}.json",
      "{tsconfig.base.json,pnpm-lock.yaml}",
      "scripts/{build,bundleProgram}.ts"
    ]),
    outputs: digest(["packages/*/dist/**"])
  })

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== current()) {
  rmSync(stamp, { force: true })
  for (const file of globSync("packages/*/dist", { cwd: root })) rmSync(join(root, file), { recursive: true })
  for (
    const args of [["node_modules/.bin/tsc", "-b", "packages/cli"], [process.execPath, "scripts/bundleProgram.ts"]]
  ) {
    const { status } = spawnSync(args[0] ?? "", args.slice(1), { cwd: root, stdio: "inherit" })
    if (status !== 0) process.exit(status ?? 1)
  }
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, current())
}
