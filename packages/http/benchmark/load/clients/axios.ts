import axios, { AxiosError } from "axios"
import axiosRetry, { exponentialDelay, isNetworkOrIdempotentRequestError } from "axios-retry"
import { Agent } from "node:http"
import { type Client, common } from "./client.ts"

export const make = (): Client => {
  const client = axios.create({
    httpAgent: new Agent({ keepAlive: true, maxSockets: common.connections }),
    timeout: common.attemptMillis
  })
  axiosRetry(client, {
    retries: common.retries,
    retryDelay: exponentialDelay,
    shouldResetTimeout: true,
    retryCondition: (error) => isNetworkOrIdempotentRequestError(error) || error.code === AxiosError.ECONNABORTED
  })
  return async (url) => (await client.get(url)).status === 200
}
