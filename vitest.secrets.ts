/**
 * No test run prints a secret, or counts one: what a file of tests writes to its console and its streams, and what stands in
 * the metrics of its process, is searched for the secrets that the tests use, as they are and in base64.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { inspect } from "node:util"
import { afterAll, assert, expect } from "vitest"

/** The secrets of the tests. Use one of these where it would be seen if it got out. */
const secrets = ["S3CRET", "s3cret", "0TH3R", "sk-test-0123456789"]

/** A secret as it is, and what is left of it in base64, wherever it begins within what is encoded. */
const inBase64 = (secret: string, before: number): string =>
  btoa("\0".repeat(before) + secret).slice(before === 0 ? 0 : before + 1).slice(0, 7)

const forms = secrets.flatMap((secret) => [0, 1, 2].map((before) => inBase64(secret, before))).concat(secrets)

// Files that share a process share its console, and what was found in it: what was written, with the test that wrote it.
const Found = Symbol.for("holdfast/secrets/found")
const isWatched = Found in globalThis
const found: Array<string> = isWatched ? Reflect.get(globalThis, Found) : []
Reflect.set(globalThis, Found, found)

const search = (where: string, text: string): void => {
  const form = forms.find((form) => text.includes(form))
  if (form === undefined) return
  const at = text.indexOf(form)
  const test = expect.getState().currentTestName ?? "outside of a test"
  found.push(`${test}, ${where}: ${text.slice(Math.max(0, at - 200), at + 100)}`)
}

const methods = ["debug", "error", "info", "log", "table", "trace", "warn"] as const

if (!isWatched) {
  for (const method of methods) {
    const write = console[method].bind(console)
    console[method] = (...values: ReadonlyArray<unknown>) => {
      search(`console.${method}`, values.map((value) => typeof value === "string" ? value : inspect(value)).join(" "))
      write(...values)
    }
  }
  for (const name of ["stdout", "stderr"] as const) {
    const write = process[name].write.bind(process[name])
    process[name].write = (chunk: string | Uint8Array, ...rest: Array<never>) => {
      search(`process.${name}`, typeof chunk === "string" ? chunk : Buffer.from(chunk).toString())
      return write(chunk, ...rest)
    }
  }
}

afterAll(async () => {
  search(
    "metrics",
    JSON.stringify(
      await Effect.runPromise(Metric.snapshot),
      (_, value) => typeof value === "bigint" ? String(value) : value
    )
  )
  assert.deepStrictEqual(found.splice(0), [], "the tests of this file have shown a secret")
})
