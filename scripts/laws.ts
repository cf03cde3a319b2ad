/**
 * Runs the laws of all packages, with the inputs that their names seed or with others, and prints the seed that failed:
 * `npm run laws -- --help`.
 */
import { spawnSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { parseArgs } from "node:util"

const usage = `Runs the laws: properties that hold for random inputs.

  npm run laws -- [--seed new | --seed N] [filter...]

  --seed new  draw new inputs, and print the seed if a law fails
  --seed N    draw the inputs of an earlier run
  filter      run only the files whose path contains it
  --help      this text
`

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" }, help: { type: "boolean", default: false } }
})

const main = (): number => {
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const seed = values.seed === "new" ? `${Math.floor(Math.random() * 2 ** 32)}` : values.seed
  const files = globSync("packages/*/test/**/*.test.ts")
    .filter((file) => positionals.length === 0 || positionals.some((filter) => file.includes(filter)))
    .filter((file) => /\blaw\(/.test(readFileSync(file, "utf8")))
  if (files.length === 0) {
    process.stderr.write("No file with a law has such a path.\n")
    return 1
  }
  if (seed !== undefined) process.stdout.write(`The seed of this run is ${seed}.\n`)
  const { status } = spawnSync(
    "vitest",
    ["run", "--config", "vitest.workspace.ts", "--project", "unit", "--project", "long*", "-t", " cases\\)$", ...files],
    { stdio: "inherit", env: { ...process.env, ...(seed === undefined ? undefined : { HOLDFAST_LAWS_SEED: seed }) } }
  )
  if (status !== 0 && seed !== undefined) {
    process.stderr.write(`A law failed. Repeat: npm run laws -- --seed ${seed} ${positionals.join(" ")}\n`)
  }
  return status ?? 1
}

process.exitCode = main()
