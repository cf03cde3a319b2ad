/** What the tests of rate limits have in common. */
import type { PolicyError, RateLimited } from "@holdfast/core/PolicyError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Store from "effect/persistence/RateLimiter"
import * as Schema from "effect/Schema"

export const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

export const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

export const Algorithm = Schema.Literals(["fixed-window", "token-bucket"])
export type Algorithm = typeof Algorithm.Type

export const inMemory = Layer.provideMerge(Store.layer, Store.layerStoreMemory)

export const retryAfter = (error: PolicyError<RateLimited>) => Duration.toMillis(error.reason.retryAfter)
