/** What a policy for HTTP means, as policies of the core: the client's, and one for each endpoint that has its own. */
import { plural } from "@holdfast/core/Arguments"
import * as PolicyData from "@holdfast/core/PolicyData"
import type * as HttpPolicyData from "@holdfast/http/HttpPolicyData"
import * as Duration from "effect/Duration"

type Data = HttpPolicyData.HttpPolicyData
type Parts = Pick<Data, "retry" | "timeouts" | "bulkhead" | "rateLimit" | "circuitBreaker" | "hedge">

/** The options of a policy, without what must be known of a call. */
export type CoreOptions = ReturnType<typeof PolicyData.toOptions>

/** The parts of a client that are there: its retries are, unless they are switched off. */
const toCore = (name: string, { bulkhead, circuitBreaker, rateLimit, retry, timeouts }: Parts): CoreOptions =>
  PolicyData.toOptions({
    name,
    ...(timeouts?.total && { deadline: timeouts.total }),
    ...(bulkhead && { bulkhead }),
    ...(rateLimit && { rateLimit }),
    ...(retry !== false && { retry: { ...retry, retryAfter: { ...retry?.retryAfter, ...longestReturn(retry) } } }),
    ...(circuitBreaker && { circuitBreaker }),
    ...(timeouts?.attempt && { attemptTimeout: timeouts.attempt })
  })

/** After a pause calls return within as much time again as the longest pause, if the server asks for another meanwhile. */
const longestReturn = (retry: Parts["retry"]): { readonly spread: number } => ({
  spread: retry !== false && retry?.retryAfter?.spread === 0 ? 0 : 1
})

/** What an endpoint does not say it has in common with the client; of retries and timeouts it may say a part. */
const over = (client: Parts, endpoint: Parts): Parts => ({
  ...client,
  ...endpoint,
  ...(client.retry && endpoint.retry && { retry: { ...client.retry, ...endpoint.retry } }),
  timeouts: { ...client.timeouts, ...endpoint.timeouts }
})

/** The client's policy. */
export const client = (data: Data): CoreOptions => toCore(data.name ?? "http", data)

/** The policies of the endpoints, by their names. */
export const endpoints = (data: Data): ReadonlyArray<CoreOptions> =>
  Object.entries(data.endpoints ?? {}).map(([name, endpoint]) => toCore(name, over(data, endpoint)))

/** What is beside the parts: what an attempt is, the hedge, which only some requests get, and the pool. */
export const notes = ({ hedge, timeouts, transport = {} }: Data): ReadonlyArray<string> => {
  const { connections, idleConnections, keepAlive } = transport
  return [
    timeouts?.attempt
      ? "an attempt takes until its body has ended: say timeouts: { attempt: false } where one streams"
      : undefined,
    hedge ? "a request that may be repeated gets a second one beside it when it is slow" : undefined,
    connections === undefined ? undefined : `at most ${plural(connections, "connection")} to an origin`,
    idleConnections === undefined
      ? undefined
      : `of which ${idleConnections} ${idleConnections === 1 ? "is" : "are"} kept when idle`,
    keepAlive === undefined ? undefined : `an idle connection is kept for ${Duration.format(keepAlive)}`
  ].filter((note) => note !== undefined)
}
