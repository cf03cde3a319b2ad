/**
 * Some platforms refuse timers: Cloudflare's workerd throws where `setTimeout` is called outside of a request. The timer of a
 * timeout is set after its attempt has begun. The call died with the exception, and the attempt ran on, with nothing to end it.
 */
import { afterEach, describe, it, vi } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as Effect from "effect/Effect"
import * as Unexported from "../../src/internal/fiber/unexported.ts"
import { words } from "../Program.ts"

afterEach(() => {
  vi.restoreAllMocks()
  Unexported.allow(true)
})

type Protect = (attempt: Hedge.Idempotent<never>) => Effect.Effect<never, unknown>

const policies: Readonly<Record<string, Effect.Effect<{ readonly protect: Protect }>>> = {
  "attempt timeout": Policy.make({ attemptTimeout: "1 hour" }),
  "deadline": Policy.make({ deadline: "1 hour" }),
  "hedge": Policy.make({ hedge: { after: "1 hour" } }),
  "timeout of a leg": Policy.make({ hedge: { after: 0 }, attemptTimeout: "1 hour" })
}

describe.each([["as a frame", true], ["by the public API", false]])("%s", (_, frames) => {
  it.live.each(Object.entries(policies))(
    "an attempt ends when its timer is refused: %s",
    ([, make]) =>
      Effect.gen(function*() {
        Unexported.allow(frames)
        const bulkhead = yield* Bulkhead.make({ limit: 1 })
        const policy = yield* make
        let begun = 0
        let ended = 0
        const attempt = Effect.suspend(() => {
          begun++
          return Effect.ensuring(Effect.never, Effect.sync(() => ended++))
        })
        vi.spyOn(globalThis, "setTimeout").mockImplementation(() => {
          throw "no timers here"
        })
        const call = bulkhead.protect(policy.protect(Hedge.idempotent(attempt)))
        strictEqual(words(yield* Effect.exit(call)), "Die no timers here")
        vi.restoreAllMocks()
        deepStrictEqual([begun > 0, ended], [true, begun])
        strictEqual((yield* bulkhead.stats()).running, 0)
        // It leaves nothing that ends what the caller does next.
        strictEqual(yield* Effect.as(Effect.sleep(1), "next"), "next")
      })
  )
})
