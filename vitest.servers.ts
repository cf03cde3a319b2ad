/**
 * The tests against servers that others wrote are named for them, and need their binaries. Where one is missing, its tests are no part of the run
 * and a line at the end says so; in CI they are, and fail.
 */
import { accessSync, constants, globSync } from "node:fs"
import { delimiter, join } from "node:path"
import type { Reporter } from "vitest/node"

const folders = [
  ...(process.env["PATH"] ?? "").split(delimiter),
  "/usr/sbin",
  "/usr/local/sbin",
  // Where `.ci/run` puts those that Debian lacks.
  join(import.meta.dirname, "node_modules/.cache/servers"),
  // Debian keeps the servers of each version apart.
  ...globSync("/usr/lib/postgresql/*/bin")
]

/** The program of a server, where it has another name than its package. */
const programs: Readonly<Record<string, string>> = { postgresql: "postgres" }

/** Where a program is, if it is installed. Many systems keep servers off the path of ordinary users. */
export const locate = (name: string): string | undefined =>
  folders.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const missing = process.env["CI"] === undefined
  ? ["redis-server", "valkey-server", "nginx", "haproxy", "prometheus", "chromium", "postgresql"].filter((name) =>
    locate(programs[name] ?? name) === undefined
  )
  : []

/** The tests that cannot run here. */
export const withoutServer = missing.map((name) => `packages/*/test/servers/${name}*.test.ts`)

const list = new Intl.ListFormat("en")

export const serversMissing = (): Reporter => ({
  onTestRunEnd() {
    if (missing.length === 0) return
    const names = missing.join(" ")
    process.stdout.write(
      `\n NOT RUN: the tests against ${list.format(missing)}, for want of them ` +
        `(apt-get install ${names}, or brew install ${names.replace("redis-server", "redis")})\n`
    )
  }
})
