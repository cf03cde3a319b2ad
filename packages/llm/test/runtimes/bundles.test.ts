/**
 * The index of every package that runs in a browser bundles for one, with all that it imports; so does each of their modules but
 * those that say that they need Node.
 */
import { assert, describe, it } from "@effect/vitest"
import * as esbuild from "esbuild"
import { globSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"

/** The modules that need Node, by package. */
const ofNode: Readonly<Record<string, ReadonlyArray<string>>> = {
  core: [],
  http: [
    "Addresses",
    "ResilientDispatcher",
    "ResumableDownload",
    "UndiciFetch",
    "UndiciTransport",
    "index.node"
  ],
  llm: ["ChainStoreConfig", "RedisClient", "SqliteClient"],
  simulator: []
}

const root = fileURLToPath(new URL("../../../", import.meta.url))

/** Bundles files for a browser, and gives the modules of Node that they import, by the file that asks for them. */
const nodeImports = async (entryPoints: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const { errors } = await esbuild.build({
    entryPoints: [...entryPoints],
    bundle: true,
    write: false,
    outdir: "out",
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "silent"
  }).catch((failure: esbuild.BuildFailure) => failure)
  return errors.map(({ location, text }) => `${location?.file}: ${text}`)
}

describe.each(Object.entries(ofNode))("%s", (name, exceptions) => {
  const source = `${root}${name}/src`
  const needsNode = (file: string) => exceptions.includes(basename(file, ".ts"))
  const files = globSync("{*,testing/*}.ts", { cwd: source }).filter((file) => !needsNode(file))

  it("bundles for a browser, by its index", async () => {
    assert.deepStrictEqual(await nodeImports([`${source}/index.ts`]), [])
  })

  it("bundles module by module, but for those that need Node", async () => {
    assert.deepStrictEqual(await nodeImports(files.map((file) => `${source}/${file}`)), [])
  })

  it.each(exceptions)("needs Node for %s", async (module) => {
    assert.isNotEmpty(await nodeImports([`${source}/${module}.ts`]))
  })
})
