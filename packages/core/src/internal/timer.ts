/**
 * Timers that call a function. Under the live clock they are the platform's; under any other clock a fiber sleeps on it,
 * so that a `TestClock` rules.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

const liveClock = Context.get(Context.empty(), Clock.Clock)

// The longest delay that setTimeout keeps; a longer one would fire at once.
const longest = 2 ** 31 - 1

/** Calls `fire` once after `millis`, unless the function that it returns is called first. */
export const schedule = (context: Context.Context<never>, millis: number, fire: () => void): () => void => {
  const clock = Context.get(context, Clock.Clock)
  if (clock === liveClock && millis <= longest) {
    const handle = setTimeout(fire, millis)
    return () => clearTimeout(handle)
  }
  const fiber = Effect.runForkWith(context)(
    Effect.andThen(clock.sleep(Duration.millis(millis)), Effect.sync(fire))
  )
  return () => fiber.interruptUnsafe()
}
