/**
 * C13 in real workerd, where a timer ends with the request that set it: a request that is answered, or that fails, touches
 * no call of another.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as esbuild from "esbuild"
import { Miniflare } from "miniflare"
import { fileURLToPath } from "node:url"

let worker: Miniflare
let url: URL

beforeAll(async () => {
  const { outputFiles: [file] } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL("worker.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022"
  })
  worker = new Miniflare({
    modules: true,
    script: file?.text ?? "",
    compatibilityDate: "2026-01-01",
    host: "127.0.0.1",
    port: 0
  })
  url = await worker.ready
})

afterAll(() => worker.dispose())

const ask = async (kind: string): Promise<string> =>
  (await fetch(new URL(`?kind=${encodeURIComponent(kind)}`, url))).text()

/** How each kind of call ends when it is alone. */
const kinds = {
  "Effect.timeout": "TimeoutError",
  "an attempt timeout": "PolicyError",
  "a deadline": "PolicyError",
  "a delay before a retry": "Success answer",
  "a wait in a queue": "PolicyError",
  "a wait for a rate limit": "Success undefined",
  "a hedge": "Success answer",
  "a wait for a circuit": "Success answer"
}

describe("a call that waits", () => {
  it.for(Object.entries(kinds))("ends by itself beside a request that is answered: %s", async ([kind, end]) => {
    const first = ask("a short call")
    const second = ask(kind)
    assert.strictEqual(await first, "Success undefined")
    assert.include(await second, end)
  })

  it.for(Object.entries(kinds))("ends by itself beside a request that dies: %s", async ([kind, end]) => {
    const first = ask("a callback that throws")
    const second = ask(kind)
    assert.strictEqual(await first, "Die")
    assert.include(await second, end)
  })

  it("ends by itself beside others of all kinds", async () => {
    const asked = ["a short call", "a callback that throws", ...Object.keys(kinds)].flatMap((kind) => [kind, kind])
    assert.notInclude(await Promise.all(asked.map(ask)), "hangs")
  })

  it.for(["a permit", "a place"])("gets %s from a request that is answered, and keeps its own time", async (what) => {
    const kind = `${what} that another request holds`
    const ends = await Promise.all([ask(kind), ask(kind), ask(kind)])
    assert.deepStrictEqual(ends, ["Success undefined", "Success undefined", "Success undefined"])
  })
})
