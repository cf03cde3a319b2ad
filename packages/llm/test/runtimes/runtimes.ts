/** How the scenarios run in each runtime: one bundle, and a few lines that hand it names and take results. */
import * as esbuild from "esbuild"
import { Miniflare } from "miniflare"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { chromium } from "playwright-core"
import { locate } from "../../../../vitest.servers.ts"

/** What every scenario gave, by its name. */
export type Results = Readonly<Record<string, unknown>>

/** Runs all scenarios against the server at a URL. */
type Runtime = (bundle: string, server: string) => Promise<Results>

/** The scenarios and all that they need, as one module for a browser. */
export const bundle = async (): Promise<string> => {
  const { outputFiles: [file] } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL("scenarios.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022"
  })
  return file?.text ?? ""
}

const all = (server: string) =>
  `Object.fromEntries(await Promise.all(names.map(async (name, index) => [name, await run(name, ${server} + "/" + index)])))`

/** Runs a file in a runtime that has a command line. */
const commandLine = (command: () => readonly [string, ReadonlyArray<string>]): Runtime => async (bundle, server) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-"))
  try {
    writeFileSync(join(folder, "scenarios.mjs"), bundle)
    const main = join(folder, "main.mjs")
    writeFileSync(
      main,
      `import process from "node:process"
import { names, run } from "./scenarios.mjs"
process.stdout.write(JSON.stringify(${all(JSON.stringify(server))}), () => process.exit(0))`
    )
    const [file, args] = command()
    const { stdout } = await promisify(execFile)(file, [...args, main], { cwd: folder, timeout: 60_000 })
    return JSON.parse(stdout)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const { resolve } = createRequire(import.meta.url)

/** Bun's own package puts its program in place by a script after the install; the program is in the package of its platform. */
const bun = (): string => {
  const arch = process.arch === "arm64" ? "aarch64" : process.arch
  const platform = `@oven/bun-${process.platform}-${arch}`
  return createRequire(resolve("bun/package.json")).resolve(`${platform}/bin/bun`)
}

const workerd: Runtime = async (bundle, server) => {
  const worker = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    compatibilityDate: "2026-01-01",
    modules: [
      {
        type: "ESModule",
        path: "main.mjs",
        contents: `import { names, run } from "./scenarios.mjs"
export default {
  async fetch(request) {
    const name = new URL(request.url).searchParams.get("name")
    return Response.json(name === null ? names : { value: await run(name, ${
          JSON.stringify(server)
        } + "/" + names.indexOf(name)) })
  }
}`
      },
      { type: "ESModule", path: "scenarios.mjs", contents: bundle }
    ]
  })
  try {
    const url = await worker.ready
    const ask = async (query: string) => (await fetch(new URL(query, url))).json()
    const names: ReadonlyArray<string> = await ask("/")
    // Each scenario is a request of its own, as it would be in a worker.
    return Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, (await ask(`/?name=${encodeURIComponent(name)}`)).value]))
    )
  } finally {
    await worker.dispose()
  }
}

const browser: Runtime = async (_, server) => {
  const executablePath = locate("chromium")
  if (executablePath === undefined) throw new Error("Chromium is not installed")
  const instance = await chromium.launch({ executablePath, args: ["--no-sandbox"] })
  try {
    const page = await instance.newPage()
    const base = server.slice(0, server.lastIndexOf("/"))
    await page.goto(`${base}/page`)
    return await page.evaluate(
      `import("/scenarios.js").then(async ({ names, run }) => ${all(JSON.stringify(server))})`
    )
  } finally {
    await instance.close()
  }
}

/** Every runtime by its name. Node comes first: the others are held to it. */
export const runtimes: Readonly<Record<string, Runtime>> = {
  "Node.js": commandLine(() => [process.execPath, []]),
  Bun: commandLine(() => [bun(), ["run"]]),
  Deno: commandLine(() => [process.execPath, [resolve("deno/bin.cjs"), "run", "--no-lock", "--allow-all"]]),
  workerd,
  // Where it is not installed, the end of the run says so; in CI it must be.
  ...(process.env["CI"] === undefined && locate("chromium") === undefined ? undefined : { Chromium: browser })
}
