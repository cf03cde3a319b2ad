import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { asked } from "./outage/holdfast.ts"
import { answer, open, phases, prices } from "./outage/servers.ts"

it.live("the outage: a chain takes no answer for whole that is not, and what both servers bill adds up", () =>
  Effect.gen(function*() {
    const servers = yield* Effect.promise(open)
    servers.begin(250)
    const ended = yield* asked(servers.first, servers.second, phases.length * 5, 50, { patience: 500 })
    const bill = servers.bill()
    yield* Effect.promise(servers.close)

    const whole = ended.filter(({ error }) => error === undefined)
    for (const { text } of whole) assert.strictEqual(text, answer)
    // Only an answer that had begun to be seen may be lost.
    for (const { error, text } of ended.filter(({ error }) => error !== undefined)) {
      assert.strictEqual(error, "StreamInterrupted")
      assert.isTrue(answer.startsWith(text) && text !== "")
    }
    // How many of the others break off depends on when retries happen to come.
    for (const { error } of ended.slice(0, 5)) assert.isUndefined(error)
    assert.isAbove(bill.first.requests, 5)
    const { first, second } = bill
    const dollars = (first.inputTokens * prices.first.input + first.outputTokens * prices.first.output) / 1e6
    assert.closeTo(first.dollars, dollars, 1e-12)
    assert.isAtLeast(first.outputTokens + second.outputTokens, whole.length * 40)
  }))
