/** Every scenario gives the same over the platform's fetch and over ours, whatever is below it. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as UndiciFetch from "@holdfast/http/UndiciFetch"
import { contract } from "./contract.ts"
import { odd } from "./odd.ts"
import { options } from "./options.ts"
import { contractServer } from "./server.ts"

const fetches = {
  fetch: ResilientFetch.createFetch,
  undici: UndiciFetch.createFetch
}

describe.each(Object.entries(fetches))("over %s", (_, createFetch) => {
  describe.each(Object.entries({ ...contract, odd, options }))("%s", (_, scenarios) => {
    it.each(Object.entries(scenarios))("%s", async (_, scenario) => {
      const run = async (fetch: typeof globalThis.fetch) => {
        await using server = await contractServer()
        const failed = (error: unknown) => ({ threw: String(error) })
        return await scenario(fetch, server).catch(failed)
      }
      await using fetch = createFetch({ retry: { times: 1, backoff: Backoff.constant({ delay: 1 }) } })
      const [wanted, got] = await Promise.all([run(globalThis.fetch), run(fetch)])
      assert.deepStrictEqual(got, wanted)
    })
  })
})
