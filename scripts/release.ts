/**
 * Publishes the packages. The address of the repository is not written down anywhere in it: `HOLDFAST_REPOSITORY` names it
 * (`https://host/owner/name`), and this script fills `repository`, `homepage` and `bugs` of every package before it
 * publishes. Without an address it publishes nothing, because provenance and the links of the registry would be wrong.
 *
 * `--dry-run` fills and packs, publishes nothing, and puts the manifests back.
 */
import { execFileSync } from "node:child_process"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const root = dirname(import.meta.dirname)
const isDry = process.argv.includes("--dry-run")

/** The address without a trailing slash or `.git`, or the reason why it is not one. */
export const addressOf = (text: string | undefined): URL => {
  if (text === undefined || text.trim() === "") {
    throw new Error(
      "Set HOLDFAST_REPOSITORY to the address of the repository, https://host/owner/name, and run this again."
    )
  }
  const url = URL.parse(text.trim().replace(/(\.git)?\/?$/u, ""))
  if (url === null || url.protocol !== "https:" || url.pathname.split("/").length !== 3 || url.username !== "") {
    throw new Error(`HOLDFAST_REPOSITORY must look like https://host/owner/name, got ${text}`)
  }
  return url
}

/** A manifest with where the package comes from. */
export const located = (manifest: object, address: URL, directory: string): object => ({
  ...manifest,
  repository: { type: "git", url: `git+${address.href}.git`, directory },
  homepage: `${address.href}#readme`,
  bugs: { url: `${address.href}/issues` }
})

const run = (): void => {
  const address = addressOf(process.env["HOLDFAST_REPOSITORY"])
  const files = globSync("packages/*/package.json", { cwd: root }).toSorted()
  const before = files.map((file) => readFileSync(join(root, file), "utf8"))
  try {
    for (const [index, file] of files.entries()) {
      const manifest = JSON.parse(before[index] ?? "") as object
      writeFileSync(join(root, file), `${JSON.stringify(located(manifest, address, dirname(file)), null, 2)}\n`)
    }
    execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "inherit" })
    for (const file of files) {
      execFileSync(
        "npx",
        ["--yes", "pnpm@12.21.0", "publish", "--provenance", "--no-git-checks", ...(isDry ? ["--dry-run"] : [])],
        { cwd: join(root, dirname(file)), stdio: "inherit" }
      )
    }
  } finally {
    for (const [index, file] of files.entries()) writeFileSync(join(root, file), before[index] ?? "")
  }
}

if (import.meta.main) {
  try {
    run()
  } catch (error) {
    process.stderr.write(`release: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
