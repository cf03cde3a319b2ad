import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import {
  type Act,
  actAt,
  arrivals,
  duration,
  fate,
  quick,
  rate,
  script,
  starts,
  type Trouble
} from "../benchmark/load/acts.ts"
import { now, start } from "../benchmark/load/processes.ts"
import type { Orders, Seen } from "../benchmark/load/server.ts"
import { evaluate, percentiles, type Result } from "../benchmark/load/statistics.ts"
import { explanation } from "../benchmark/load/table.ts"

const well = { errors: 0, silence: 0, resets: 0, desks: 1 }

describe("the script", () => {
  const acts = script(1)

  it("plays one act after the other", () => {
    strictEqual(actAt(acts, -1), 0)
    for (const [index, start] of starts(acts).entries()) {
      strictEqual(actAt(acts, start), index)
      strictEqual(actAt(acts, start + acts[index]!.millis - 0.001), index)
    }
    strictEqual(actAt(acts, duration(acts) + 1), acts.length - 1)
  })

  it("makes calls at a fixed rate to its end", () => {
    const due = arrivals(acts)
    strictEqual(due.length, duration(acts) / 1000 * rate)
    deepStrictEqual(due.slice(0, 3), [0, 1000 / rate, 2000 / rate])
    assertTrue(due.at(-1)! < duration(acts))
  })

  it("gives each fate its share of the chances", () => {
    const trouble = { ...well, errors: 0.1, silence: 0.2, resets: 0.3 }
    const draws = Array.from({ length: 1000 }, (_, draw) => fate(trouble, (draw + 0.5) / 1000))
    const count = (wanted: string) => draws.filter((fate) => fate === wanted).length
    deepStrictEqual(["error", "silence", "reset", "answer"].map(count), [100, 200, 300, 400])
  })

  it("ends as it began", () => strictEqual(acts.at(-1)!.trouble, acts[0]!.trouble))
})

describe("the statistics", () => {
  it("finds percentiles to a thousandth", () => {
    const { max, p50, p90, p99 } = percentiles(Array.from({ length: 1000 }, (_, index) => index + 1))
    for (const [value, expected] of [[p50, 500], [p90, 900], [p99, 990], [max, 1000]] as const) {
      assertTrue(Math.abs(value - expected) <= expected / 1000, `${value} is not ${expected}`)
    }
  })

  it("counts what calls came to in the act in which they were due", () => {
    const acts: ReadonlyArray<Act> = [
      { name: "first", millis: 5, trouble: well },
      { name: "second", millis: 5, trouble: well }
    ]
    // Due at 0, 2.5, 5 and 7.5 milliseconds. The second ends late, in the second act.
    const result = evaluate("one", acts, 5, {
      waits: Float64Array.of(1, 6, 2, 4),
      good: Uint8Array.of(1, 0, 1, 1),
      memory: [{ heap: 1, resident: 4 }, { heap: 2, resident: 3 }]
    }, { byCall: [1, 4, 1], byBucket: [2, 4], sockets: [2, 1] })

    deepStrictEqual(result.acts.map(({ act, calls }) => [act, calls]), [["first", 2], ["second", 2]])
    deepStrictEqual(result.acts.map(({ success }) => success), [0.5, 1])
    deepStrictEqual(result.acts.map(({ throughput }) => throughput), [200, 400])
    deepStrictEqual(result.acts.map(({ max }) => max), [6, 4])
    // The server never saw the last call.
    deepStrictEqual(result.acts.map(({ amplification }) => amplification), [2.5, 0.5])
    strictEqual(result.whole.amplification, 1.5)
    strictEqual(result.whole.sockets, 2)
    deepStrictEqual(result.whole.memory, { heap: 2, resident: 4 })
    deepStrictEqual(result.samples.map(({ at, requests, success }) => [at, success, requests]), [
      [0.0025, 0.5, 400],
      [0.0075, 1, 800]
    ])
  })
})

const file = fileURLToPath(new URL("../benchmark/load/load.ts", import.meta.url))

describe("the server", () => {
  /** The outcome of one request in an act of an hour: its status, or that it has none. */
  const ask = async (trouble: Partial<Trouble>) => {
    const acts: ReadonlyArray<Act> = [{ name: "long", millis: 3_600_000, trouble: { ...well, ...trouble } }]
    const server = start(file, "server", { acts, bucket: 3_600_000, seed: 1 } satisfies Orders)
    const url = `http://127.0.0.1:${await server.next<number>()}/0`
    server.send(now())
    // It takes one after the other.
    await server.ask("seen")
    const outcome = fetch(url).then(({ status }) => status, () => "connection lost")
    let seen = 0
    while (seen === 0) seen = (await server.ask<Seen>("seen")).byCall[0] ?? 0
    return { outcome, end: server.end }
  }

  for (const [trouble, expected] of [[{}, 200], [{ errors: 1 }, 503], [{ resets: 1 }, "connection lost"]] as const) {
    it(`answers with ${expected} for ${JSON.stringify(trouble)}`, async () => {
      const { end, outcome } = await ask(trouble)
      strictEqual(await outcome, expected)
      await end()
    })
  }

  it("answers with nothing, ever, for silence", async () => {
    const { end, outcome } = await ask({ silence: 1 })
    await end()
    strictEqual(await outcome, "connection lost")
  })
})

describe("the explanation", () => {
  /** A run in which every call of an act ends in the same way. */
  const played = (client: string, ends: ReadonlyArray<readonly [good: number, wait: number, requests: number]>) => {
    const calls = arrivals(quick).map((due) => ends[actAt(quick, due)]!)
    return evaluate(client, quick, 7500, {
      waits: Float64Array.from(calls, ([, wait]) => wait),
      good: Uint8Array.from(calls, ([good]) => good),
      memory: quick.map(() => ({ heap: 1, resident: 1 }))
    }, { byCall: calls.map(([, , requests]) => requests), byBucket: [1], sockets: quick.map(() => 1) })
  }

  it("says what the calls of the outage and of the recovery came to", () => {
    const text = explanation(quick, [
      played("patient", [[1, 20, 1], [1, 3000, 3.5], [1, 900, 1]]),
      played("quick", [[1, 20, 1], [0, 1, 0.25], [1, 30, 1]])
    ])
    for (
      const line of [
        "Requests per call: patient 3.50, quick 0.25.",
        "Good calls: patient 100 %, quick 0 %.",
        "Median time in ms: patient 3000, quick 1.",
        "Good calls: patient 100 %, quick 100 %.",
        "p99 in ms: patient 900, quick 30."
      ]
    ) assertTrue(text.includes(line), `${line} is not in ${text}`)
    assertTrue(!text.includes("too busy"))
  })

  it("says when the machine was too busy for any of it", () => {
    assertTrue(explanation(quick, [played("one", [[0, 20, 1], [0, 1, 1], [1, 1, 1]])]).includes("Run it again alone"))
  })
})

describe("the suite", () => {
  const run = (...args: ReadonlyArray<string>) => promisify(execFile)(process.execPath, [file, ...args])

  it("takes clients through the script, and writes a report that needs no network", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-load-"))
    try {
      const report = join(folder, "report.html")
      const { stdout } = await run("--scale", "0.02", "--clients", "holdfast,undici", "--json", "--report", report)
      const { acts, results }: { acts: ReadonlyArray<Act>; results: ReadonlyArray<Result> } = JSON.parse(stdout)
      deepStrictEqual(results.map(({ client }) => client), ["Holdfast", "undici"])
      const [holdfast, undici] = results.map(({ whole }) => whole)
      for (const whole of [holdfast!, undici!]) {
        strictEqual(whole.calls, arrivals(acts).length)
        assertTrue(whole.sockets > 0 && whole.memory.heap > 0)
      }
      assertTrue(undici!.success > 0 && undici!.success < 1)
      assertTrue(holdfast!.success > undici!.success)
      // One never asks again, the other three times at the most.
      assertTrue(undici!.amplification > 0 && undici!.amplification <= 1)
      assertTrue(holdfast!.amplification > undici!.amplification && holdfast!.amplification <= 4)

      const html = await readFile(report, "utf8")
      strictEqual(html.match(/<svg /g)?.length, 1)
      strictEqual(html.match(/<table>/g)?.length, acts.length + 1)
      deepStrictEqual(html.match(/(src|href)="[^#]|@import|url\((?!#)/g), null)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it("says what is wrong with its options", async () => {
    for (const [flag, value] of [["--clients", "curl"], ["--seed", "x"], ["--scale", "0"]] as const) {
      const { code, stderr } = await run(flag, value).then(
        () => ({ code: 0, stderr: "" }),
        (error: { readonly code: number; readonly stderr: string }) => error
      )
      strictEqual(code, 2)
      assertTrue(stderr.startsWith(`${flag} must be`), stderr)
    }
  })
})
