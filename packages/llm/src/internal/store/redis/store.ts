/**
 * The store of a fleet in Redis: its keys, its scripts, and what they answer.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import type { Account, Address, Admission, ChainStore, MemberState, Report, Reserved } from "../store.ts"
import { ChainStoreError } from "../store.ts"
import * as Scripts from "./scripts.ts"

/** What a script is sent: its keys, and its arguments after the instant at which it was sent. */
interface Sent {
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string | number>
  /** When it was sent, by the clock of Redis; unknown before the first answer. */
  readonly sentAt: number | undefined
  readonly late: number
}

/** The tag and the time, and what the script says beyond. */
type Answer = readonly [tag: string, now: string, ...ReadonlyArray<unknown>]

const scriptOf = (lua: string) =>
  Redis.script(({ args, keys, late, sentAt }: Sent) => [...keys, sentAt ?? "", late, ...args], {
    lua,
    numberOfKeys: ({ keys }) => keys.length
  }).withReturnType<Answer>()

/** An infinite limit or cool-down, as Lua reads it. */
const finite = (number: number): number => Math.min(number, 1e15)

type State = readonly [
  isDown: number,
  coolingFor: string,
  isProbed: number,
  inFlight: number,
  processes: number,
  requests: number,
  tokens: string,
  madeAt: string
]

const stateOf = (
  [isDown, coolingFor, isProbed, inFlight, processes, requests, tokens, madeAt]: State
): MemberState => ({
  isDown: isDown === 1,
  coolingFor: Number(coolingFor),
  isProbed: isProbed === 1,
  inFlight,
  processes,
  requests,
  tokens: Number(tokens),
  madeAt: Number(madeAt)
})

/** The steps in Redis. A step that came later than `late` milliseconds has failed, and changed nothing. */
export const makeRedis = (
  options: { readonly prefix: string; readonly late: number }
): Effect.Effect<ChainStore["Service"], never, Redis.Redis> =>
  Effect.map(Redis.Redis, (redis) => {
    const scripts = {
      enter: redis.eval(scriptOf(Scripts.enter)),
      report: redis.eval(scriptOf(Scripts.report)),
      look: redis.eval(scriptOf(Scripts.look)),
      sum: redis.eval(scriptOf(Scripts.sum))
    }
    // How far the clock of Redis is ahead of this process's, as of its last answer.
    let ahead: number | undefined
    const { late, prefix } = options
    // The keys of a chain share a slot of a cluster: that of the text within the first braces.
    const tagOf = (chain: string) => chain.replaceAll(/[{}%]/gu, encodeURIComponent)
    const keyOf = ({ chain, member }: Address) => `${prefix}chain:{${tagOf(chain)}}:${member}`
    const sumOf = ({ key, window }: Account) => `${prefix}sum:{${key}}:${Duration.toMillis(window)}`

    const run = <A>(
      name: keyof typeof scripts,
      keys: ReadonlyArray<string>,
      args: ReadonlyArray<string | number>,
      read: (tag: string, answer: ReadonlyArray<unknown>) => A
    ): Effect.Effect<A, ChainStoreError> =>
      Effect.flatMap(Clock.Clock, (clock) => {
        const sentAt = ahead === undefined ? undefined : clock.currentTimeMillisUnsafe() + ahead
        return Effect.matchEffect(scripts[name]({ keys, args, sentAt, late }), {
          onFailure: ({ cause }) =>
            Effect.fail(new ChainStoreError({ message: "Redis did not run a script of the chain store", cause })),
          onSuccess: ([tag, now, ...answer]) => {
            ahead = Number(now) - clock.currentTimeMillisUnsafe()
            return tag === "late"
              ? Effect.fail(new ChainStoreError({ message: "Redis was asked too late" }))
              : Effect.succeed(read(tag, answer))
          }
        })
      })

    const holding = ({ inFlight, lease, process, token }: Pick<Report, "process" | "inFlight" | "lease" | "token">) => [
      process,
      inFlight,
      finite(Duration.toMillis(lease)),
      token
    ]

    return {
      enter: (entry) => {
        const { anyway, requestsPerMinute, tokens, tokensPerMinute } = entry
        const isLimited = requestsPerMinute < Infinity || tokensPerMinute < Infinity
        return run(
          "enter",
          [keyOf(entry)],
          [
            ...holding(entry),
            tokens,
            finite(requestsPerMinute),
            finite(tokensPerMinute),
            anyway ? 1 : 0,
            isLimited ? 1 : 0
          ],
          (tag, answer) => {
            const [known, isProbe, slot, wait] = answer as readonly [State, number, number, number]
            const state = stateOf(known)
            const admission: Admission = tag === "Admitted"
              ? { _tag: tag, isProbe: isProbe === 1, slot, state }
              : tag === "Full"
              ? { _tag: tag, wait, state }
              : { _tag: "CoolingDown", state }
            return admission
          }
        )
      },
      report: (report) => {
        const { answered, coolFor, probe, settled, unasked } = report
        return run(
          "report",
          [keyOf(report)],
          [
            ...holding(report),
            probe,
            answered ? 1 : 0,
            finite(coolFor),
            settled?.slot ?? 0,
            settled?.more ?? 0,
            unasked.requests,
            unasked.tokens
          ],
          (_, [known]) => stateOf(known as State)
        )
      },
      look: (chain, members) =>
        members.length === 0
          ? Effect.succeed([])
          : run(
            "look",
            members.map((member) => keyOf({ chain, member })),
            [],
            (_, [states]) => (states as ReadonlyArray<State>).map(stateOf)
          ),
      reserve: (spending) => {
        const { amount, limit, window } = spending
        const args = ["reserve", Duration.toMillis(window), amount, limit === Infinity ? 1e300 : limit, 0]
        return run("sum", [sumOf(spending)], args, (tag, answer): Reserved => {
          const [sum = 0, slot = 0, wait = 0, madeAt = 0] = answer.map(Number)
          return tag === "Refused" ? { _tag: tag, sum, wait, madeAt } : { _tag: "Reserved", slot, sum, madeAt }
        })
      },
      settle: (settlement) => {
        const { more, slot, window } = settlement
        const args = ["settle", Duration.toMillis(window), more, 0, slot]
        return run("sum", [sumOf(settlement)], args, (_, [sum]) => Number(sum))
      },
      spent: (account) =>
        run("sum", [sumOf(account)], ["spent", Duration.toMillis(account.window), 0, 0, 0], (_, [sum]) => Number(sum))
    }
  })
