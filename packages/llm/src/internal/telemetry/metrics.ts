/**
 * The metrics that derive from the events of chains: OpenTelemetry's for generative AI clients, with the buckets that its
 * conventions advise, and `holdfast.llm.*` for what those have no name for.
 *
 * Guarded by `test/laws.test.ts` and `test/readme.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Metric from "effect/Metric"
import type { ChainEvent, Observer, Origin } from "../../ChainEvent.ts"

const kinds = {
  "gen_ai.client.operation.duration": {
    description: "How long attempts at a provider take, in seconds",
    unit: "s",
    boundaries: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
  },
  "gen_ai.client.operation.time_to_first_chunk": {
    description: "How long a stream takes to its first text, reasoning or tool parameters, in seconds",
    unit: "s",
    boundaries: [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
  },
  "gen_ai.client.token.usage": {
    description: "How many tokens attempts use",
    unit: "{token}",
    boundaries: [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]
  }
} as const

/** The counters, each with the attribute that says more. */
const counted = {
  fallbacks: { attribute: "holdfast.llm.reason", unit: "{fallback}" },
  skips: { attribute: "holdfast.llm.reason", unit: "{request}" },
  hedges: { attribute: "holdfast.llm.hedge.provider", unit: "{hedge}" }
} as const

/** An observer that keeps the metrics of a context. */
export const observer = (context: Context.Context<never>): Observer => {
  const histograms = new Map<string, Metric.Histogram<number>>()
  const counters = new Map<string, Metric.Counter<number>>()
  const attributesOf = ({ model, operation, provider }: Origin) => ({
    "gen_ai.operation.name": operation ?? "chat",
    "gen_ai.provider.name": provider,
    "gen_ai.request.model": model
  })

  const record = (name: keyof typeof kinds, origin: Origin, value: number, attribute?: readonly [string, string]) => {
    const key = `${name} ${origin.operation} ${origin.provider} ${origin.model} ${attribute?.[1] ?? ""}`
    let histogram = histograms.get(key)
    if (histogram === undefined) {
      const { boundaries, description, unit } = kinds[name]
      // Effect's exporter takes the unit of a metric from this attribute.
      const attributes = { ...attributesOf(origin), unit, ...(attribute && { [attribute[0]]: attribute[1] }) }
      histogram = Metric.histogram(name, { description, boundaries, attributes })
      histograms.set(key, histogram)
    }
    histogram.updateUnsafe(value, context)
  }

  const count = (name: keyof typeof counted, description: string, origin: Origin, what: string) => {
    const key = `${name} ${origin.provider} ${origin.model} ${what}`
    let counter = counters.get(key)
    if (counter === undefined) {
      const attributes = {
        "gen_ai.provider.name": origin.provider,
        "gen_ai.request.model": origin.model,
        [counted[name].attribute]: what,
        unit: counted[name].unit
      }
      counter = Metric.counter(`holdfast.llm.${name}`, { description, attributes, incremental: true })
      counters.set(key, counter)
    }
    counter.updateUnsafe(1, context)
  }

  const ended = (event: Ended, error: string | undefined) => {
    const attribute = error === undefined ? undefined : ["error.type", error] as const
    record("gen_ai.client.operation.duration", event, Duration.toMillis(event.duration) / 1_000, attribute)
    tokens(event, event.usage)
  }

  const tokens = (origin: Origin, usage: Response.Usage | undefined) => {
    const input = usage?.inputTokens.total
    const output = usage?.outputTokens.total
    if (input !== undefined) record("gen_ai.client.token.usage", origin, input, ["gen_ai.token.type", "input"])
    if (output !== undefined) record("gen_ai.client.token.usage", origin, output, ["gen_ai.token.type", "output"])
  }

  return (event) => {
    switch (event._tag) {
      case "AttemptSucceeded":
        return ended(event, undefined)
      case "AttemptFailed":
        if (event.decision._tag === "Fallback") {
          count("fallbacks", "Providers that were given up for another", event, event.reason._tag)
        }
        return ended(event, event.reason._tag)
      case "AttemptInterrupted":
        return ended(event, "interrupted")
      case "Committed":
        return record(
          "gen_ai.client.operation.time_to_first_chunk",
          event,
          Duration.toMillis(event.duration) / 1_000
        )
      case "ProviderSkipped":
        return count("skips", "Providers that were not asked", event, event.why)
      case "ProviderHedged":
        return count("hedges", "Requests that another provider was asked for as well", event, event.hedge)
      case "AttemptStarted":
      case "PromptProjected":
      case "ParameterDropped":
        return undefined
    }
  }
}

type Ended = Extract<ChainEvent, { readonly _tag: "AttemptSucceeded" | "AttemptFailed" | "AttemptInterrupted" }>
