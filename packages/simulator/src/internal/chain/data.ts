/**
 * The schemas of models and chains.
 *
 * Guarded by `test/chain/chain.test.ts`.
 */
import * as Hedge from "@holdfast/core/Hedge"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as Schema from "effect/Schema"
import { number, Time, time } from "../time.ts"
import type { ChainData, HedgeData, TreatmentData } from "./dataTypes.ts"

const flag = Schema.optionalKey(Schema.Boolean)

const Tokens = Schema.Union([
  Schema.Finite,
  Schema.Struct({ exponential: Schema.Finite }),
  Schema.Struct({ uniform: Schema.Tuple([Schema.Finite, Schema.Finite]) }),
  Schema.Struct({ median: Schema.Finite, p99: Schema.Finite }),
  Schema.Struct({ samples: Schema.Array(Schema.Finite) })
])

export const ModelSchema = Schema.Struct({
  tokensPerSecond: Schema.Finite,
  location: Schema.optionalKey(Schema.Literals(["cloud", "local"])),
  price: Schema.optionalKey(Schema.Struct({ input: Schema.Finite, output: Schema.Finite })),
  requestsPerMinute: number,
  tokensPerMinute: number,
  headers: Schema.optionalKey(Schema.Literals(["openai", "anthropic", false])),
  cuts: number
})

const orFalse = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.Union([Schema.Literal(false), schema]))

const Timeouts = Schema.Struct({ head: time, firstContent: time, betweenChunks: time, answer: time })

const BudgetOfShare = Schema.Struct({ ratio: number, minPerSecond: number, window: time })

const Hedged = Schema.Struct({
  after: Schema.Union([
    Time,
    Schema.Struct({ quantile: Schema.Finite, window: time, minimumCalls: number, min: time, max: time })
  ]),
  max: number
})

const treatment = {
  retry: orFalse(Schema.Struct({
    times: number,
    backoff: Schema.optionalKey(PolicyData.BackoffData),
    maxElapsed: time,
    maxRetryAfter: time
  })),
  timeouts: orFalse(Timeouts),
  bulkhead: Schema.optionalKey(Schema.Struct({ limit: Schema.Finite, queue: number, maxWait: time })),
  cooldown: time,
  hedge: orFalse(Hedged)
}
const Treatment = Schema.Struct(treatment)

const PoolSchema = Schema.Struct({
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

export const ChainSchema = Schema.Struct({
  providers: Schema.Array(Schema.Union([Schema.String, PoolSchema])),
  prompt: Schema.optionalKey(Tokens),
  answer: Schema.optionalKey(Tokens),
  stream: flag,
  ...treatment,
  localTimeouts: orFalse(Timeouts),
  overrides: Schema.optionalKey(Schema.Record(Schema.String, Treatment)),
  retryBudget: orFalse(BudgetOfShare),
  hedgeBudget: orFalse(BudgetOfShare),
  budgets: Schema.optionalKey(Schema.Array(Schema.Struct({
    name: Schema.optionalKey(Schema.String),
    by: Schema.optionalKey(Schema.Literal("caller")),
    limit: Schema.Union([Schema.Struct({ cost: Schema.Finite }), Schema.Struct({ tokens: Schema.Finite })]),
    window: Time,
    whenSpent: Schema.optionalKey(Schema.Literals(["fail", "cheapest"]))
  }))),
  deadline: Schema.optionalKey(Time),
  fallbackOnContentPolicy: flag
})

const toHedge = ({ after, max }: HedgeData) => ({
  after: typeof after === "object" && "quantile" in after ? Hedge.quantile(after) : after,
  max
})

const toTreatment = <A extends TreatmentData>({ hedge, retry, ...treatment }: A) => ({
  ...treatment,
  retry: retry === undefined || retry === false ? retry : {
    ...retry,
    backoff: retry.backoff === undefined ? undefined : PolicyData.toBackoff(retry.backoff)
  },
  hedge: hedge === undefined || hedge === false ? hedge : toHedge(hedge)
})

/** Makes the chain that the data describes. */
export const toChain = ({ overrides, ...data }: ChainData) => ({
  ...toTreatment(data),
  overrides: overrides === undefined ? undefined : Object.fromEntries(
    Object.entries(overrides).map(([name, treatment]) => [name, toTreatment(treatment)])
  )
})
