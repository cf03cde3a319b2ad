/** core, http over fetch and llm do the same in every runtime as in Node. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { bundle, type Results, runtimes } from "./runtimes.ts"
import { scenarios } from "./scenarios.ts"
import { failingServer } from "./server.ts"

const ran = new Map<string, Promise<Results>>()
const open = new AsyncDisposableStack()

beforeAll(async () => {
  const text = await bundle()
  const server = open.use(await failingServer(text))
  for (const [name, runtime] of Object.entries(runtimes)) {
    const results = runtime(text, `${server.url}/${name}`)
    results.catch(() => undefined)
    ran.set(name, results)
  }
  await Promise.allSettled(ran.values())
}, 120_000)

afterAll(() => open.disposeAsync())

it("Node does in every scenario what the policy says", async () => {
  assert.deepStrictEqual(await ran.get("Node.js"), {
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

describe.each(Object.keys(runtimes).slice(1))("%s", (runtime) => {
  it.each(Object.keys(scenarios))("%s", async (scenario) => {
    const [own, nodes] = await Promise.all([ran.get(runtime), ran.get("Node.js")])
    assert.deepStrictEqual(own?.[scenario], nodes?.[scenario])
  })
})
