/** A tool that the tests of providers offer, with an object for its result. */
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const Weather = Tool.make("weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ degrees: Schema.Finite })
})

export const tools = Toolkit.make(Weather)

export const handlers = tools.toLayer({ weather: () => Effect.succeed({ degrees: 3 }) })
