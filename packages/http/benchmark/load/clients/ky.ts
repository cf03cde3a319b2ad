import ky from "ky"
import { type Client, common } from "./client.ts"

export const make = (): Client => {
  const client = ky.create({
    retry: { limit: common.retries, jitter: true, retryOnTimeout: true },
    timeout: common.attemptMillis,
    totalTimeout: 4 * common.attemptMillis
  })
  return async (url) => {
    await client.get(url).text()
    return true
  }
}
