/** What the page and the worker of the playground agree on: what has changed, links, sliders, and the board's layout. */
import * as SystemData from "@holdfast/simulator/SystemData"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, test } from "vitest"
import { parse } from "yaml"
import { law } from "../../vitest.law.ts"
import { Receiver, Sender } from "../playground/changes.ts"
import { wordsOf } from "../playground/faults.ts"
import { decode, encode } from "../playground/link.ts"
import { applied, controlsOf } from "../playground/sliders.ts"
import { starts } from "../playground/starts.ts"

/** A value of a series. A latency without calls is not a number: `null` stands for it. */
const Value = Schema.NullOr(Schema.Finite)

const Change = Schema.Struct({
  line: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 })),
  slot: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  value: Value
})
const Step = Schema.Struct({
  grow: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })),
  fill: Value,
  changes: Schema.Array(Change)
})

law(
  "what is received is what was sent, however series grow and change",
  { steps: Schema.Array(Step) },
  ({ steps }, reach) =>
    Effect.sync(() => {
      const sender = new Sender()
      const receiver = new Receiver(3, steps.reduce((sum, { grow }) => sum + grow, 0))
      let lines: ReadonlyArray<ReadonlyArray<number>> = [[], [], []]
      for (const { changes, fill, grow } of steps) {
        const next = lines.map((line) => line.concat(Array.from({ length: grow }, () => fill ?? NaN)))
        for (const { line, slot, value } of changes) {
          const of = next[line]
          if (of === undefined || slot >= of.length) continue
          if (slot < (lines[line]?.length ?? 0)) reach("an old slot changed")
          of[slot] = value ?? NaN
        }
        const sent = sender.changed(next)
        // No more is sent than from the first difference on.
        const isSame = (slot: number) => next.every((line, i) => Object.is(line[slot], lines[i]?.[slot]))
        assert.isTrue(sent.from === sent.slots || !isSame(sent.from))
        if (sent.from > 0 && sent.from < sent.slots) reach("a part was sent")
        receiver.apply(sent)
        assert.deepStrictEqual(receiver.lines.map((line) => Array.from(line.subarray(0, receiver.slots))), next)
        lines = next
      }
    }),
  { cases: 200, reaches: ["an old slot changed", "a part was sent"] }
)

describe("a link", () => {
  law(
    "gives back the state that it was made of",
    { text: Schema.String, seed: Schema.Int, sliders: Schema.Record(Schema.String, Schema.Finite) },
    (state) => Effect.sync(() => assert.strictEqual(JSON.stringify(decode(encode(state))), JSON.stringify(state))),
    { cases: 200 }
  )

  law(
    "of any kind is read or left alone, and never throws",
    {
      fragment: Schema.Union([
        Schema.String,
        Schema.Struct({
          text: Schema.Union([Schema.String, Schema.Finite, Schema.Null]),
          seed: Schema.Union([Schema.Finite, Schema.String]),
          sliders: Schema.Union([
            Schema.Record(Schema.String, Schema.Union([Schema.Finite, Schema.String])),
            Schema.Null,
            Schema.String
          ])
        })
      ])
    },
    ({ fragment }, reach) =>
      Effect.sync(() => {
        const state = decode(
          typeof fragment === "string" ? fragment : Buffer.from(JSON.stringify(fragment)).toString("base64url")
        )
        if (state === undefined) return
        reach("a state")
        assert.isString(state.text)
        assert.isTrue(Number.isSafeInteger(state.seed) && Object.values(state.sliders).every(Number.isFinite))
      }),
    { cases: 200, reaches: ["a state"] }
  )
})

const Share = Schema.Finite.check(Schema.isBetween({ minimum: -0.5, maximum: 1.5 }))

describe("sliders", () => {
  for (const { name, text } of starts) {
    const system: unknown = parse(text)
    const controls = controlsOf(system)

    test(`of "${name}" leave it as it is until they are moved, and each changes it`, () => {
      assert.deepStrictEqual(applied(system, {}), system)
      for (const { key, max, min, start } of controls) {
        assert.isTrue(min <= start && start <= max, key)
        assert.notDeepEqual(applied(system, { [key]: max }), system, key)
      }
    })

    law(
      `of "${name}" make a valid system wherever they stand, and wherever a link puts them`,
      { shares: Schema.Array(Share).check(Schema.isMinLength(controls.length)) },
      ({ shares }, reach) => {
        const sliders = Object.fromEntries(controls.map(({ key, max, min, step }, i) => {
          const share = shares[i] ?? 0
          if (share > 1) reach("beyond an end")
          return [key, min + Math.round(share * (max - min) / step) * step]
        }))
        return SystemData.decode(applied(system, sliders))
      },
      { cases: 20, reaches: ["beyond an end"] }
    )
  }

  law(
    "of no system change nothing but what is there",
    {
      value: Schema.Union([Schema.String, Schema.Finite, Schema.Array(Schema.String)]),
      sliders: Schema.Record(Schema.String, Schema.Finite)
    },
    ({ sliders, value }) => Effect.sync(() => assert.deepStrictEqual(applied(value, sliders), value)),
    { cases: 100 }
  )

  test("of a link's own making change nothing", () => {
    assert.deepStrictEqual(applied({ services: {} }, { "__proto__.polluted": 1, "services.x.y": 2 }), { services: {} })
    assert.isUndefined(({} as { readonly polluted?: number }).polluted)
  })
})

describe("a fault of a system", () => {
  const system = `duration: 1 minute
services:
  stock:
    workers: 4
    latency: 50 millis
callers:
  users: { to: stock, rate: 10, policy: { retry: { times: 2 } } }
events:
  - { type: outage, service: stock, at: 20 seconds, for: 10 seconds }
`
  const cases: ReadonlyArray<readonly [string, string, string]> = [
    ["workers: 4", "workrs: 4", "Line 4: services.stock.workrs is not an option (`workrs`: did you mean `workers`?)"],
    ["times: 2", "tims: 2", "Line 7: callers.users.policy.retry.tims is not an option (`tims`: did you mean `times`?)"],
    ["to: stock", "to: stok", "Line 7: callers.users.to: must be \"stock\", got \"stok\": did you mean \"stock\"?"],
    ["rate: 10", "rate: 0", "Line 7: callers.users.rate: must be a number above 0, got 0"],
    ["at: 20 seconds", "at: soon", "Line 9: events.0.at"],
    ["services:", "servces:", "Line 2: servces is not an option (`servces`: did you mean `services`?)"],
    ["times: 2", "times: [", "line 7"]
  ]
  for (const [given, typed, words] of cases) {
    test(`such as "${typed}" is named with its line`, () => {
      const text = system.replace(given, typed)
      let said = ""
      try {
        Effect.runSync(SystemData.decode(parse(text)))
      } catch (error) {
        said = wordsOf(text, error)
      }
      assert.include(said, words)
    })
  }
})

test("the board's panels have a place of their own, an id, a data source and a query", () => {
  const board = JSON.parse(readFileSync(join(import.meta.dirname, "../../docs/grafana.json"), "utf8")) as {
    readonly schemaVersion: number
    readonly panels: ReadonlyArray<{
      readonly id: number
      readonly type: string
      readonly title: string
      readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
      readonly datasource?: { readonly uid: string }
      readonly targets?: ReadonlyArray<{ readonly refId: string; readonly expr: string }>
    }>
  }
  const { panels } = board
  assert.strictEqual(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const [i, { datasource, gridPos: a, targets = [], title, type }] of panels.entries()) {
    assert.isTrue(a.x >= 0 && a.x + a.w <= 24 && a.h > 0, title)
    assert.include(["row", "timeseries"], type)
    if (type === "timeseries") {
      assert.strictEqual(datasource?.uid, "${datasource}")
      assert.isTrue(targets.length > 0 && targets.every(({ expr, refId }) => expr !== "" && refId !== ""), title)
    }
    for (const { gridPos: b, title: other } of panels.slice(i + 1)) {
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
      assert.isTrue(apart, `${title} lies over ${other}`)
    }
  }
})
