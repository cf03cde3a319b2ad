/** The store of a fleet in a real Valkey: its contract, and its laws. */
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { layerClock, serverWith } from "../../../../vitest.redis.ts"
import { storeContract } from "../store/storeContract.ts"
import { storeLaws } from "./storeLaws.ts"

const program = "valkey-server"

const client = Layer.unwrap(
  Effect.map(serverWith([], program), ({ path }) => RedisClient.layer({ url: `unix://${path}` }))
)

storeContract(
  "in Valkey",
  ChainStoreRedis.layer({ timeout: "20 seconds" }).pipe(Layer.provide(layerClock), Layer.provide(client))
)

storeLaws(program)
