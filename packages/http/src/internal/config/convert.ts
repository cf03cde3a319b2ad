/**
 * Turns the data of a file into the options that they stand for.
 *
 * Guarded by `test/laws.data.test.ts` and `test/HttpPolicyData.test.ts`.
 */
import * as Hedge from "@holdfast/core/Hedge"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as Duration from "effect/Duration"
import * as Struct from "effect/Struct"
import type * as HttpPolicy from "../../HttpPolicy.ts"
import type { HedgeData, Settings } from "./schema.ts"

type Data = typeof Settings.Type

export const toOptions = ({ endpoints, ...data }: Data): HttpPolicy.Options => ({
  ...toParts(Struct.omit(data, ["transport"])),
  ...(endpoints !== undefined && {
    endpoints: Object.fromEntries(
      Object.entries(endpoints).map(([name, endpoint]): [string, HttpPolicy.Endpoint] => {
        const retry = retryOver(data.retry, endpoint.retry)
        return [name, toParts({ ...endpoint, ...(retry !== undefined && { retry }) })]
      })
    )
  })
})

/** Converts the parts whose data differs from their options, and leaves the rest unchanged. */
const toParts = <D extends Pick<Data, "circuitBreaker" | "hedge" | "retry">>(
  { circuitBreaker, hedge, retry, ...rest }: D
) => {
  const made = PolicyData.toOptions({ ...(retry && { retry }), ...(circuitBreaker && { circuitBreaker }) })
  return {
    ...rest,
    ...(retry !== undefined && { retry: retry && given({ ...made.retry }) }),
    ...(circuitBreaker !== undefined && { circuitBreaker: circuitBreaker && given({ ...made.circuitBreaker }) }),
    ...(hedge !== undefined && { hedge: hedge && toHedge(hedge) })
  }
}

const toHedge = ({ after, ...rest }: HedgeData): HttpPolicy.HedgeOptions => ({
  ...rest,
  after: Duration.isDuration(after) ? after : Hedge.quantile(after)
})

const given = <A extends object>(options: A): A =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as A

/** Overlays one retry on another; the backoff is merged key by key if both have the same type. */
export const retryOver = (base: Data["retry"], over: Data["retry"]): Data["retry"] =>
  !base || !over || over.backoff === undefined || base.backoff?.type !== over.backoff.type
    ? over
    : { ...over, backoff: { ...base.backoff, ...over.backoff } as PolicyData.BackoffData }
