/**
 * A random UUID (RFC 9562 section 5.4), from the `Random` in force.
 *
 * Guarded by `test/client/bounds.test.ts` and `test/ResilientHttpClient.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

export const uuid: Effect.Effect<string> = Effect.withFiber((fiber) => {
  const random = fiber.getRef(Random.Random)
  const digit = () => Math.floor(random.nextDoubleUnsafe() * 16)
  return Effect.succeed(
    "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replace(
      /[xy]/g,
      (place) => (place === "x" ? digit() : 8 + digit() % 4).toString(16)
    )
  )
})
