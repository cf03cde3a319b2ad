import { Agent, request } from "undici"
import { type Client, common } from "./client.ts"

export const make = (): Client => {
  const dispatcher = new Agent({
    connections: common.connections,
    headersTimeout: common.attemptMillis,
    bodyTimeout: common.attemptMillis
  })
  return async (url) => {
    const { body, statusCode } = await request(url, { dispatcher })
    await body.text()
    return statusCode === 200
  }
}
