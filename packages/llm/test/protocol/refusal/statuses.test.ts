/** A status alone means what it means in the whole table of vendors. */
import { assert, it } from "@effect/vitest"
import * as Headers from "effect/http/Headers"
import { noError } from "../../../src/internal/protocol/refusal/errorBody.ts"
import { kindOfStatus } from "../../../src/internal/protocol/refusal/statuses.ts"
import { kindOf } from "../../../src/internal/protocol/refusal/vendorSignals.ts"

it("means the same by itself as with the rows of all vendors", () => {
  const all = Array.from({ length: 600 }, (_, status) => status)
  assert.deepStrictEqual(
    all.map((status) => [status, kindOfStatus(status)]),
    all.map((status) => [status, kindOf({ error: noError, status, headers: Headers.empty })])
  )
  assert.isAbove(all.filter((status) => kindOfStatus(status) !== undefined).length, 30)
})
