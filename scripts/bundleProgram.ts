/**
 * Bundles the program `holdfast` into few files, after `tsc` has built it. Node spends most of a short command on finding
 * and linking 240 modules of Effect; a bundle takes a third of the time. The library beside it, `index.js`, is not bundled.
 */
import { build } from "esbuild"
import { globSync, rmSync } from "node:fs"
import { join } from "node:path"

const dist = join(import.meta.dirname, "../packages/cli/dist")

for (const file of globSync("program/**", { cwd: dist })) rmSync(join(dist, file), { force: true, recursive: true })

await build({
  entryPoints: [join(dist, "process.js")],
  outdir: dist,
  allowOverwrite: true,
  chunkNames: "program/[name]-[hash]",
  splitting: true,
  bundle: true,
  platform: "node",
  target: "node22",
  format: "esm",
  minifySyntax: true,
  legalComments: "external",
  // Some dependencies are CommonJS and require what Node has built in.
  banner: {
    js:
      "import { createRequire as holdfastRequire } from \"node:module\"; const require = holdfastRequire(import.meta.url);"
  },
  logLevel: "warning"
})
