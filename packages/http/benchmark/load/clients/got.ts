import got from "got"
import { Agent } from "node:http"
import { type Client, common } from "./client.ts"

export const make = (): Client => {
  const client = got.extend({
    agent: { http: new Agent({ keepAlive: true, maxSockets: common.connections }) },
    retry: { limit: common.retries },
    timeout: { request: common.attemptMillis }
  })
  return async (url) => (await client.get(url)).statusCode === 200
}
