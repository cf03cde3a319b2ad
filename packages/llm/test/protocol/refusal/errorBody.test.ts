/** What is read in the body of a refusal, and what is not. */
import { assert, it } from "@effect/vitest"
import { readError } from "../../../src/internal/protocol/refusal/errorBody.ts"
import { retryHintOf } from "../../../src/internal/protocol/refusal/retryHint.ts"

it("reads no words of the user's or the model's as the server's", () => {
  const { message } = readError({ error: { message: "No", failed_generation: { message: "model not found" } } })
  assert.strictEqual(message, "No")
})

it("says nothing twice, and takes no None for the name of a parameter", () => {
  const error = readError({ message: "No such model", error: { message: "No such model", param: "None" } })
  assert.strictEqual(error.message, "No such model")
  assert.isUndefined(error.param)
})

it("reads milliseconds and seconds by the name of the field", () => {
  const now = 1_000_000
  assert.strictEqual(retryHintOf(readError({ error: { retry_after_ms: 1500 } }), now), 1500)
  assert.strictEqual(retryHintOf(readError({ error: { retry_after: 1.5 } }), now), 1500)
})
