/** What `holdfast simulate` says of files that hold no valid system: a path, a reason, and what to write. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Simulation from "@holdfast/simulator/Simulation"
import type * as System from "@holdfast/simulator/System"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as PolicyFile from "../src/check/PolicyFile.ts"
import { endless, notesOn } from "../src/simulate/notes.ts"
import { playSystems } from "../src/simulate/system.ts"
import { plain, type Screen } from "../src/terminal/style.ts"

const callers = "callers: { users: { to: stock, rate: 5 } }\n"
const stock = "services: { stock: { latency: 0.005 } }\n"

const refusal = (text: string): Promise<string> =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const file = join(folder, "system.yaml")
    writeFileSync(file, text)
    const error = yield* Effect.flip(PolicyFile.systemOrMeaning(file, "", "policy"))
    return error.message.replace(/^\S+ (?:is not a valid system: )?/u, "")
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.runPromise)

describe("a file that holds no valid system is rejected with a path, a reason and what to write", () => {
  it.each<[string, string, string]>([
    ["an empty file", "", "is empty"],
    ["no callers", stock, "callers: is missing"],
    [
      "a list of services",
      `services: [stock]\n${callers}`,
      "services: must be a map of keys to values, such as `{ key: value }`, got [\"stock\"]"
    ],
    [
      "a service of nothing",
      `services: { stock: }\n${callers}`,
      "services.stock: must be a map of keys to values, such as `{ key: value }`, got nothing"
    ],
    [
      "one event without a list",
      `${stock}${callers}events: { type: outage }\n`,
      "events: must be a list, such as `[first, second]`, got {\"type\":\"outage\"}"
    ],
    [
      "an unknown event",
      `${stock}${callers}events: [{ type: outtage, at: 1 }]\n`,
      "events.0.type: must be one of \"outage\", \"brownOut\", \"slowNode\", \"deploy\", \"coldCache\", \"lostPackets\", \"rateLimit\", \"quota\" or \"surge\", got \"outtage\": did you mean \"outage\"?"
    ],
    [
      "an event at an unknown service",
      `${stock}${callers}events: [{ type: outage, service: stok, at: 1, for: 2 }]\n`,
      "events.0.service: must be \"stock\", got \"stok\": did you mean \"stock\"?"
    ],
    [
      "an unknown backoff",
      `${stock}callers: { users: { to: stock, rate: 5, policy: { retry: { backoff: { type: quadratic } } } } }\n`,
      "callers.users.policy.retry.backoff.type: must be one of \"constant\", \"linear\", \"exponential\" or \"decorrelated\", got \"quadratic\""
    ],
    [
      "a misspelt key",
      `services: { stock: { latency: 0.005, worker: 3 } }\n${callers}`,
      "services.stock.worker: is not an option (`worker`: did you mean `workers`?)"
    ],
    [
      "a misspelt key of a policy",
      `${stock}callers: { users: { to: stock, rate: 5, policy: { retry: { tmies: 3 } } } }\n`,
      "callers.users.policy.retry.tmies: is not an option (`tmies`: did you mean `times`?)"
    ],
    [
      "a call to an unknown service",
      `${stock}callers: { users: { to: stok, rate: 5 } }\n`,
      "callers.users.to: must be \"stock\", got \"stok\": did you mean \"stock\"?"
    ],
    [
      "a circle",
      "services: { a: { latency: 1, calls: [{ to: b }] }, b: { latency: 1, calls: [{ to: a }] } }\ncallers: { users: { to: a, rate: 1 } }\n",
      "services: must not call each other in a circle, got a -> b -> a"
    ],
    [
      "no workers",
      `services: { stock: { latency: 1, workers: 0 } }\n${callers}`,
      "services.stock.workers: must be a whole number of 1 or more, got 0"
    ],
    [
      "a rate below zero",
      `${stock}callers: { users: { to: stock, rate: -5 } }\n`,
      "callers.users.rate: must be a number above 0, got -5"
    ],
    [
      "an infinite rate",
      `${stock}callers: { users: { to: stock, rate: .inf } }\n`,
      "callers.users.rate: must be a finite number, got Infinity"
    ],
    [
      "a rate as text",
      `${stock}callers: { users: { to: stock, rate: "5" } }\n`,
      "callers.users.rate: must be a number, got \"5\""
    ],
    [
      "a probability above 1",
      "services: { a: { latency: 1, calls: [{ to: b, probability: 1.5 }] }, b: { latency: 1 } }\ncallers: { users: { to: a, rate: 1 } }\n",
      "services.a.calls.0.probability: must be above 0 and at most 1, got 1.5"
    ],
    [
      "an invalid policy of a call among others",
      `services: { a: { latency: 1, calls: [{ to: stock, policy: { retry: { times: -1 } } }] }, stock: { latency: 1 } }\n${callers}`,
      "services.a.calls.0.policy.retry.times: must be a whole number of 0 or more, got -1"
    ],
    [
      "a word for a duration",
      `duration: 1 fortnight\n${stock}${callers}`,
      "duration: must be a duration, such as \"30 seconds\" or \"1m 30s\", or a number of seconds, got \"1 fortnight\""
    ],
    [
      "a duration of years",
      `duration: 400 days\n${stock}${callers}`,
      "duration: must be a finite duration above zero, at most 31d, got 34560000000 millis"
    ],
    [
      "data that holds itself",
      "a: &a [*a]\nservices: *a\n",
      "services: must be a map of keys to values, such as `{ key: value }`, got an unprintable value"
    ]
  ])("%s", async (_, text, says) => {
    assert.include((await refusal(text)).split("; "), says)
  })

  it("a call, which is not taken for calls at the same time", async () => {
    const text = `services: { a: { latency: 1, calls: [{ to: stock, policy: { retry: { times: -1 } } }] } }\n${callers}`
    assert.notInclude(await refusal(text), "parallel")
  })
})

it("shows how far it is beside the results, and takes that away in the end", async () => {
  const shown: Array<string> = []
  const results: Array<string> = []
  const screen: Screen = {
    style: plain,
    width: 80,
    animate: false,
    print: (lines) => Effect.sync(() => void results.push(...lines)),
    write: (text) => Effect.sync(() => void results.push(text)),
    redraw: () => assert.fail("the results are drawn over"),
    progress: (text) => shown.push(text)
  }
  const system: System.System = { services: { stock: { latency: 1 } }, callers: { users: { to: "stock", rate: 5 } } }
  await Effect.runPromise(Effect.provide(
    playSystems({
      variants: [{ file: "system.yaml", system }],
      bounds: [],
      seed: 1,
      json: true,
      report: Option.none(),
      screen
    }),
    NodeServices.layer
  ))
  assert.match(shown[0] ?? "", /system\.yaml/u)
  assert.strictEqual(shown.at(-1), "")
  assert.match(results.join(""), /^\{"file":"system\.yaml".*\}\n$/u)
})

describe("what can be played and is hardly meant", () => {
  const system: System.System = { services: { stock: { latency: 1 } }, callers: { users: { to: "stock", rate: 5 } } }
  const notes = (change: Partial<System.System>) =>
    notesOn({ ...system, ...change }, Simulation.run({ ...system, ...change }))

  it("is an event after the end, and a caller that does not call", () => {
    assert.deepStrictEqual(notes({ duration: "1 minute" }), [])
    assert.deepStrictEqual(
      notes({ duration: "1 minute", events: [{ type: "outage", service: "stock", at: "1 minute", for: "1 second" }] }),
      [
        "events.0 (outage) never begins: the system is watched for 1m. Give it an earlier `at`, or the system a longer duration."
      ]
    )
    assert.deepStrictEqual(notes({ duration: "1 second", callers: { users: { to: "stock", rate: 1e-6 } } }), [
      "users made no call: raise its rate, or the duration."
    ])
  })

  it("is more calls than a machine plays in an hour", () => {
    assert.isUndefined(endless({ ...system, duration: "1 day" }))
    assert.match(
      endless({ ...system, duration: "1 hour", callers: { users: { to: "stock", rate: 1e7 } } }) ?? "",
      /^its callers make 3\.6e\+10 calls in 1h, which would take hours: lower their rate/u
    )
  })

  it("is interrupted at once, even if a second has millions of calls", async () => {
    const crowd = { ...system, callers: { users: { to: "stock", rate: 1e7 } } }
    const before = process.cpuUsage()
    await Effect.runPromise(Effect.timeoutOption(Simulation.runEffect(crowd), "200 millis"))
    const { user } = process.cpuUsage(before)
    assert.isBelow(user, 10_000_000)
  })
})
