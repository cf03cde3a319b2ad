/**
 * core, http and llm do the same in every runtime as in Node: over fetch in all of them, and over undici where Node's modules
 * are. The table of http's README is what this run gave.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { bundle, commands, output, type Results, type Suite, suites } from "./runtimes.ts"
import { failingServer } from "./server.ts"
import { tableOf, withTable } from "./table.ts"

const ran = new Map<Suite, Map<string, Promise<Results>>>()
const open = new AsyncDisposableStack()
const [overFetch, overUndici] = suites as readonly [Suite, Suite]

const resultsOf = (suite: Suite, runtime: string): Promise<Results> =>
  ran.get(suite)?.get(runtime) ?? Promise.reject(new Error(`${runtime} did not run`))

beforeAll(async () => {
  for (const suite of suites) {
    const text = await bundle(suite.file, suite.platform)
    const server = open.use(await failingServer(text))
    const results = Object.entries(suite.runtimes).map(([name, runtime]) =>
      [name, runtime(text, `${server.url}/${name}`)] as const
    )
    ran.set(suite, new Map(results))
    await Promise.allSettled(results.map(([, result]) => result))
  }
}, 180_000)

afterAll(() => open.disposeAsync())

it("Node does in every scenario what the policy says", async () => {
  assert.deepStrictEqual(await resultsOf(overFetch, "Node.js"), {
    "a timeout ends an attempt, and a retry gives the answer": "answered",
    "a deadline ends a call": "DeadlineExceeded",
    "a lost connection is retried": { ended: "failed", sent: 3 },
    "a lost connection is retried until an answer comes": { ended: "answered", sent: 2 },
    "a name that does not resolve is retried": { ended: "failed", sent: 3 },
    "a refused connection is retried": { ended: "failed", sent: 3 },
    "a cut body is retried": { ended: "answered", sent: 2 },
    "a 503 with Retry-After is waited for": { ended: "answered", sent: 2 },
    "a POST is not repeated": { ended: "failed", sent: 1 },
    "a POST with a key is repeated": { ended: "failed", sent: 3 },
    "a head that does not come times out": { ended: "AttemptTimeout", sent: 1 },
    "a body that stalls times out": { ended: "DeadlineExceeded", sent: 1 },
    "a breaker opens": { ended: ["failed", "failed", "CircuitOpen"], sent: 2 },
    "a hedge answers for a slow server": { ended: "answered", sent: 2 },
    "a stream that is left half-read is given up": { ended: 2, sent: 1 },
    "an interrupted call ends": 1,
    "a fetch is retried": [200, "answered", false],
    "a fetch follows redirects": [200, true, true, "answered"],
    "a fetch is aborted": ["reason", "reason"],
    "a chain goes to the next provider": "Good day",
    "a chain streams": "Good day"
  })
})

it("Node does over undici what the policy and the transport say", async () => {
  assert.deepStrictEqual(await resultsOf(overUndici, "Node.js"), {
    "a lost connection is retried": { ended: "answered", idle: true },
    "a cut body is retried": { ended: "answered", idle: true },
    "a 503 with Retry-After is waited for": { ended: "answered", idle: true },
    "a lost connection has its reason": { ended: ["ConnectionReset", true], idle: true },
    "a refused connection has its reason": { ended: ["ConnectRefused", false], idle: true },
    "a name that does not resolve has its reason": { ended: ["DnsFailure", false], idle: true },
    "a head that does not come times out": { ended: ["HeadersTimeout", true], idle: true },
    "a body that stalls times out": { ended: ["BodyTimeout", true], idle: true },
    "a stream that is left half-read frees its connection": { ended: 2, idle: true },
    "an interrupted call frees its connection": { ended: true, idle: true },
    "a stream is uploaded": { ended: "500000", idle: true },
    "gzip is decoded": { ended: "answered", idle: true },
    "fifty calls share two connections": { ended: 50, idle: true },
    "UndiciFetch is retried": [200, "answered"],
    "ResilientDispatcher is retried": [200, "answered"],
    "a cut download is resumed": { ended: 200_000, idle: true }
  })
})

for (const suite of suites) {
  const names = Object.keys(suite.runtimes).slice(1)
  describe.each(names)(`${suite.title} on %s`, (runtime) => {
    it("does the same as on Node", async () => {
      assert.deepStrictEqual(await resultsOf(suite, runtime), await resultsOf(suite, "Node.js"))
    })
  })
}

it("UndiciTransport says on Bun what to use where undici was replaced", async () => {
  const said = await output(
    commands.Bun,
    `import { make } from "./transport.mjs"
try { make() } catch (error) { console.log(error.message) }`,
    { "transport.mjs": await bundle("../../../http/src/UndiciTransport.ts", "node", ["undici"]) }
  )
  assert.include(said, "bundle")
})

// `npm run docs:runtimes` writes it.
it("is what the table of the README says", async () => {
  const file = fileURLToPath(new URL("../../../http/README.md", import.meta.url))
  const readme = readFileSync(file, "utf8")
  const results = await Promise.all(
    suites.map(async (suite) => ({
      title: suite.title,
      results: new Map(
        await Promise.all(
          Object.keys(suite.runtimes).map(async (name) => [name, await resultsOf(suite, name)] as const)
        )
      )
    }))
  )
  const current = withTable(readme, tableOf(results))
  const isWritten = process.env["WRITE_TABLES"] !== undefined
  if (isWritten) writeFileSync(file, current)
  // Without Chromium there is a column less to compare.
  const isWhole = overFetch.runtimes["Chromium"] !== undefined
  assert.strictEqual(isWhole && !isWritten ? readme : current, current)
})
