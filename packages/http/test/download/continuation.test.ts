import { assert, describe, it } from "@effect/vitest"
import * as Headers from "effect/http/Headers"
import { answerOf } from "../../src/internal/download/continuation.ts"

const etag = "\"v1\""
const asked = { offset: 5, etag, total: 11, disposable: false }

describe("answerOf", () => {
  it.each([[10, "Refuse"], [11, "Take"], [12, "Refuse"]] as const)(
    "holds a whole answer of %s bytes to the length that is known",
    (length, tag) => {
      const headers = Headers.fromInput({ etag, "content-length": String(length) })
      assert.strictEqual(answerOf(200, headers, asked)._tag, tag)
    }
  )

  it("takes a whole answer of another length where what is there can be thrown away", () => {
    const headers = Headers.fromInput({ etag: "\"v2\"", "content-length": "12" })
    assert.deepStrictEqual(answerOf(200, headers, { ...asked, disposable: true }), {
      _tag: "Take",
      isFirst: true,
      skip: 0,
      length: 12,
      total: 12
    })
  })
})
