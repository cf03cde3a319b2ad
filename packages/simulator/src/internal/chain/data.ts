/**
 * The schemas of models and chains.
 *
 * Guarded by `test/chain/chain.test.ts`.
 */
import * as PolicyData from "@holdfast/core/PolicyData"
import * as Schema from "effect/Schema"
import { number, Time, time } from "../time.ts"

const flag = Schema.optionalKey(Schema.Boolean)

const Tokens = Schema.Union([
  Schema.Finite,
  Schema.Struct({ exponential: Schema.Finite }),
  Schema.Struct({ uniform: Schema.Tuple([Schema.Finite, Schema.Finite]) }),
  Schema.Struct({ median: Schema.Finite, p99: Schema.Finite }),
  Schema.Struct({ samples: Schema.Array(Schema.Finite) })
])

export const ModelData = Schema.Struct({
  tokensPerSecond: Schema.Finite,
  location: Schema.optionalKey(Schema.Literals(["cloud", "local"])),
  price: Schema.optionalKey(Schema.Struct({ input: Schema.Finite, output: Schema.Finite })),
  requestsPerMinute: number,
  tokensPerMinute: number,
  cuts: number
})

const orFalse = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.Union([Schema.Literal(false), schema]))

const Timeouts = Schema.Struct({ head: time, firstContent: time, betweenChunks: time, answer: time })

const treatment = {
  retry: orFalse(Schema.Struct({
    times: number,
    backoff: Schema.optionalKey(PolicyData.BackoffData),
    maxElapsed: time,
    maxRetryAfter: time
  })),
  timeouts: orFalse(Timeouts),
  bulkhead: Schema.optionalKey(Schema.Struct({ limit: Schema.Finite, queue: number, maxWait: time })),
  cooldown: time
}
const Treatment = Schema.Struct(treatment)

const PoolData = Schema.Struct({
  pool: Schema.Array(Schema.Union([
    Schema.String,
    Schema.Struct({
      service: Schema.String,
      weight: number,
      limits: Schema.optionalKey(Schema.Struct({ requestsPerMinute: number, tokensPerMinute: number }))
    })
  ])),
  strategy: Schema.optionalKey(
    Schema.Literals(["inOrder", "weighted", "leastBusy", "fastest", "cheapest", "sticky"])
  ),
  warmUp: time,
  halfLife: time
})

export const ChainData = Schema.Struct({
  providers: Schema.Array(Schema.Union([Schema.String, PoolData])),
  prompt: Schema.optionalKey(Tokens),
  answer: Schema.optionalKey(Tokens),
  stream: flag,
  ...treatment,
  localTimeouts: orFalse(Timeouts),
  overrides: Schema.optionalKey(Schema.Record(Schema.String, Treatment)),
  retryBudget: orFalse(Schema.Struct({ ratio: number, minPerSecond: number, window: time })),
  deadline: Schema.optionalKey(Time),
  fallbackOnContentPolicy: flag
})

const toTreatment = <A extends typeof Treatment.Type>(treatment: A) => ({
  ...treatment,
  retry: treatment.retry === undefined || treatment.retry === false ? treatment.retry : {
    ...treatment.retry,
    backoff: treatment.retry.backoff === undefined ? undefined : PolicyData.toBackoff(treatment.retry.backoff)
  }
})

/** Makes the chain that the data describes. */
export const toChain = (data: typeof ChainData.Type) => ({
  ...toTreatment(data),
  overrides: data.overrides === undefined ? undefined : Object.fromEntries(
    Object.entries(data.overrides).map(([name, treatment]) => [name, toTreatment(treatment)])
  )
})
