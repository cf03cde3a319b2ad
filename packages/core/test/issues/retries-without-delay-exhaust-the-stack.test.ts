/**
 * Under a clock other than the live one a delay of zero was over within the call that set it, so that each attempt ran on
 * the stack of the one before: some thousands of retries without delay ended in a `RangeError` of the platform.
 */
import { it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Retry from "@holdfast/core/Retry"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { flaky } from "../Script.ts"

it.effect("retries without delay do not exhaust the stack", () =>
  Effect.gen(function*() {
    const down = flaky(20_000)
    const retried = Retry.retry(down.effect, { times: 20_000, backoff: Backoff.constant({ delay: 0 }) })
    strictEqual(yield* retried.pipe(Effect.provide(Logger.layer([]))), 20_001)
  }), 30_000)
