/**
 * The error about an invalid duration shows the given value. For a duration given as an object it showed `[object
 * Object]`.
 */
import { it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import { rangeError } from "../Script.ts"

it("a duration that is given as an object is shown as one", () => {
  strictEqual(
    rangeError(() => Backoff.constant({ delay: { seconds: -1 } })).split(", got ")[1],
    "{\"seconds\":-1}"
  )
})
