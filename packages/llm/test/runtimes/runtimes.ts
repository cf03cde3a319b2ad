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

/** Scenarios and all that they need, as one module: for a browser, or for runtimes with the modules of Node. */
export const bundle = async (
  file: string,
  platform: "browser" | "node",
  external: Array<string> = []
): Promise<string> => {
  const { outputFiles } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL(file, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform,
    target: "es2022",
    external,
    // undici is CommonJS, and asks for Node's modules by this name.
    ...(platform === "node" && {
      banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url)` }
    })
  })
  return outputFiles[0]?.text ?? ""
}

const all = (server: string) =>
  `Object.fromEntries(await Promise.all(names.map(async (name, index) => [name, await run(name, ${server} + "/" + index)])))`

type Command = () => readonly [string, ReadonlyArray<string>]

/** What a program that is one file writes, in a runtime that has a command line. `files` lie beside it. */
export const output = async (
  command: Command,
  main: string,
  files: Readonly<Record<string, string>>
): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-"))
  try {
    for (const [name, text] of Object.entries({ ...files, "main.mjs": main })) writeFileSync(join(folder, name), text)
    const [file, args] = command()
    const { stdout } = await promisify(execFile)(file, [...args, join(folder, "main.mjs")], {
      cwd: folder,
      timeout: 60_000
    })
    return stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const commandLine = (command: Command): Runtime => async (bundle, server) =>
  JSON.parse(
    await output(
      command,
      `import process from "node:process"
import { names, run } from "./scenarios.mjs"
process.stdout.write(JSON.stringify(${all(JSON.stringify(server))}), () => process.exit(0))`,
      { "scenarios.mjs": bundle }
    )
  )

const thread: Runtime = async (bundle, server) =>
  JSON.parse(
    await output(
      commands["Node.js"],
      `import { Worker } from "node:worker_threads"
const thread = new Worker(new URL("./thread.mjs", import.meta.url))
thread.once("message", (results) => process.stdout.write(JSON.stringify(results), () => process.exit(0)))`,
      {
        "scenarios.mjs": bundle,
        "thread.mjs": `import { parentPort } from "node:worker_threads"
import { names, run } from "./scenarios.mjs"
parentPort.postMessage(${all(JSON.stringify(server))})`
      }
    )
  )

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

/** Runs a script in a page of a browser's own. */
const inBrowser = (script: (server: string) => string): Runtime => async (_, server) => {
  const executablePath = locate("chromium")
  if (executablePath === undefined) throw new Error("Chromium is not installed")
  const instance = await chromium.launch({ executablePath, args: ["--no-sandbox"] })
  try {
    const page = await instance.newPage()
    const base = server.slice(0, server.lastIndexOf("/"))
    await page.goto(`${base}/page`)
    return await page.evaluate(script(JSON.stringify(server)))
  } finally {
    await instance.close()
  }
}

const page = inBrowser((server) => `import("/scenarios.js").then(async ({ names, run }) => ${all(server)})`)

const webWorker = inBrowser((server) =>
  `new Promise((resolve, reject) => {
  const source = ${
    JSON.stringify(
      `import { names, run } from "ORIGIN/scenarios.js"
onmessage = async ({ data: server }) => postMessage(${all("server")})`
    )
  }.replace("ORIGIN", location.origin)
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }))
  const worker = new Worker(url, { type: "module" })
  worker.onmessage = ({ data }) => resolve(data)
  worker.onerror = ({ message }) => reject(new Error(message))
  worker.postMessage(${server})
})`
)

/** Runtimes with a command line, which have the modules of Node. */
export const commands: Readonly<Record<"Node.js" | "Bun" | "Deno", Command>> = {
  "Node.js": () => [process.execPath, []],
  Bun: () => [bun(), ["run"]],
  Deno: () => [process.execPath, [resolve("deno/bin.cjs"), "run", "--no-lock", "--allow-all"]]
}

const withNode: Readonly<Record<string, Runtime>> = {
  "Node.js": commandLine(commands["Node.js"]),
  "Node.js thread": thread,
  Bun: commandLine(commands.Bun),
  Deno: commandLine(commands.Deno)
}

/** What runs where, Node first: the other runtimes are held to it. */
export const suites: ReadonlyArray<Suite> = [
  {
    title: "everything over `fetch`",
    file: "scenarios.ts",
    platform: "browser",
    runtimes: {
      ...withNode,
      workerd,
      // Where it is not installed, the end of the run says so; in CI it must be.
      ...(process.env["CI"] === undefined && locate("chromium") === undefined
        ? undefined
        : { Chromium: page, "Chromium worker": webWorker })
    }
  },
  {
    title: "`UndiciTransport` and what is built on it",
    file: "nodeScenarios.ts",
    platform: "node",
    runtimes: withNode
  }
]

export interface Suite {
  readonly title: string
  readonly file: string
  readonly platform: "browser" | "node"
  readonly runtimes: Readonly<Record<string, Runtime>>
}
