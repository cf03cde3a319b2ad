/** The store of a fleet in a real Redis, by the clock of the tests: its contract. `redis-server.laws.test.ts` has its laws. */
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { layerClock, server } from "../../../../vitest.redis.ts"
import { storeContract } from "../store/storeContract.ts"

const client = Layer.unwrap(Effect.map(server, ({ path }) => RedisClient.layer({ url: `unix://${path}` })))

storeContract(
  "in Redis",
  ChainStoreRedis.layer({ timeout: "20 seconds" }).pipe(Layer.provide(layerClock), Layer.provide(client))
)
