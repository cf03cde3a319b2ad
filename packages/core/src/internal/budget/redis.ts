/**
 * A retry budget in Redis: the machine of `memory.ts` as a script, which Redis runs in one step.
 *
 * Guarded by `test/RetryBudget.test.ts` and `test/servers/redis-server.budget.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import { type RetryBudgetStore, RetryBudgetStoreError } from "./store.ts"

/** The slots of a budget are numbers of calls and of retries, the newest first, behind the tick of the newest. */
const lua = `
local ratio, reserve, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local calls, retries, withdraw = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == "1"
local width = window / 10
local time = redis.call("TIME")
local now = time[1] * 1000 + time[2] / 1000

-- An entry delayed for longer than a slot is too old to count as new, and its sender has stopped waiting.
if ARGV[7] ~= "" and now - tonumber(ARGV[7]) > width then
  calls, withdraw = 0, false
end

local tick = math.floor(now / width)
local stored = redis.call("GET", KEYS[1])
local old = stored and cmsgpack.unpack(stored) or { tick, {}, {} }
local steps = math.max(0, tick - old[1])

local function advance(slots, count)
  local new, sum = {}, 0
  for slot = 1, count do
    new[slot] = slot > steps and slots[slot - steps] or 0
    sum = sum + new[slot]
  end
  return new, sum
end
local newCalls, callsCounted = advance(old[2], 10)
local newRetries, retriesCounted = advance(old[3], 11)

newCalls[1] = newCalls[1] + calls
local left = reserve + ratio * (callsCounted + calls) - retriesCounted - retries + 1e-9
local granted = withdraw and left >= 1
if granted then
  retries, left = retries + 1, left - 1
end
newRetries[1] = newRetries[1] + retries

redis.call("SET", KEYS[1], cmsgpack.pack({ tick, newCalls, newRetries }), "PX", math.ceil(width * 11))
return { granted and 1 or 0, math.max(0, math.floor(left)), math.floor(now) }
`

/** The arguments of the script. */
interface Told {
  readonly redisKey: string
  readonly ratio: number
  readonly reserve: number
  /** In milliseconds. */
  readonly window: number
  readonly calls: number
  readonly retries: number
  readonly withdraw: boolean
  /** When it was sent, by the clock of Redis; unknown before the first answer. */
  readonly sentAt: number | undefined
}

/** Counts and withdraws as the machine does. Returns 1 if it withdrew a retry, the balance, and the time. */
const settleScript = () =>
  Redis.script(
    ({ calls, ratio, redisKey, reserve, retries, sentAt, window, withdraw }: Told) => [
      redisKey,
      ratio,
      reserve,
      window,
      calls,
      retries,
      withdraw ? 1 : 0,
      sentAt ?? ""
    ],
    { lua, numberOfKeys: 1 }
  ).withReturnType<readonly [granted: number, balance: number, now: number]>()

/** The store of budgets in Redis. */
export const makeStoreRedis = (
  options?: { readonly prefix?: string | undefined }
): Effect.Effect<RetryBudgetStore["Service"], never, Redis.Redis> =>
  Effect.map(Redis.Redis, (redis) => {
    const settle = redis.eval(settleScript())
    const prefix = options?.prefix ?? "retrybudget:"
    // How far the clock of Redis is ahead of this process's, as of its last answer.
    let ahead: number | undefined
    return {
      settle: ({ key, window, ...entry }) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const millis = Duration.toMillis(window)
          const redisKey = `${prefix}${key}:${millis}`
          const sentAt = ahead === undefined ? undefined : now + ahead
          return settle({ ...entry, redisKey, window: millis, sentAt }).pipe(
            Effect.map(([granted, balance, there]) => {
              ahead = there - now
              return { granted: granted === 1, balance }
            }),
            Effect.mapError(({ cause }) =>
              new RetryBudgetStoreError({ message: "Redis did not run the script of the budget", cause })
            )
          )
        })
    }
  })
