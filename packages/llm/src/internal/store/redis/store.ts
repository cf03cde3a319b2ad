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
import * as Answer from "./answer.ts"
import * as Scripts from "./scripts.ts"

/** What a script is sent: its keys, and its arguments after the instant at which it was sent. */
interface Sent {
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string | number>
  /** When it was sent, by the clock of Redis; unknown before the first answer. */
  readonly sentAt: number | undefined
  readonly late: number
}

const scriptOf = (lua: string) =>
  Redis.script(({ args, keys, late, sentAt }: Sent) => [...keys, sentAt ?? "", late, ...args], {
    lua,
    numberOfKeys: ({ keys }) => keys.length
  }).withReturnType<unknown>()

/** An infinite limit or cool-down, as Lua reads it. */
const finite = (number: number): number => Math.min(number, 1e15)

/** What a script tells about a member; `undefined` for anything else. */
const stateOf = (known: unknown): MemberState | undefined => {
  const told = Answer.numbers(known, 8)
  if (told === undefined) return undefined
  const [isDown, coolingFor = 0, isProbed, inFlight = 0, processes = 0, requests = 0, tokens = 0, madeAt = 0] = told
  return { isDown: isDown === 1, coolingFor, isProbed: isProbed === 1, inFlight, processes, requests, tokens, madeAt }
}

const allOf = (states: unknown, count: number): ReadonlyArray<MemberState> | undefined => {
  const told = Array.isArray(states) ? states.flatMap((state) => stateOf(state) ?? []) : []
  return told.length === count ? told : undefined
}

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
      read: (tag: string, answer: ReadonlyArray<unknown>) => A | undefined
    ): Effect.Effect<A, ChainStoreError> =>
      Effect.flatMap(Clock.Clock, (clock) => {
        const sentAt = ahead === undefined ? undefined : clock.currentTimeMillisUnsafe() + ahead
        return Effect.matchEffect(scripts[name]({ keys, args, sentAt, late }), {
          onFailure: ({ cause }) =>
            Effect.fail(new ChainStoreError({ message: "Redis did not run a script of the chain store", cause })),
          onSuccess: (reply) => {
            const answer = Answer.of(reply)
            const told = answer === undefined || answer.tag === Answer.late ? undefined : read(answer.tag, answer.rest)
            if (answer?.tag === Answer.late) {
              ahead = answer.now - clock.currentTimeMillisUnsafe()
              return Effect.fail(new ChainStoreError({ message: "Redis was asked too late" }))
            }
            if (answer === undefined || told === undefined) {
              return Effect.fail(new ChainStoreError({ message: Answer.odd }))
            }
            ahead = answer.now - clock.currentTimeMillisUnsafe()
            return Effect.succeed(told)
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
          (tag, answer): Admission | undefined => {
            const [known, ...rest] = answer
            const state = stateOf(known)
            const told = Answer.numbers(rest, 3)
            if (state === undefined || told === undefined) return undefined
            const [isProbe, slot = 0, wait = 0] = told
            switch (tag) {
              case "Admitted":
                return { _tag: tag, isProbe: isProbe === 1, slot, state }
              case "Full":
                return { _tag: tag, wait, state }
              case "CoolingDown":
                return { _tag: tag, state }
              default:
                return undefined
            }
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
          (_, [known]) => stateOf(known)
        )
      },
      look: (chain, members) =>
        members.length === 0
          ? Effect.succeed([])
          : run(
            "look",
            members.map((member) => keyOf({ chain, member })),
            [],
            (_, [states]) => allOf(states, members.length)
          ),
      reserve: (spending) => {
        const { amount, limit, window } = spending
        const args = ["reserve", Duration.toMillis(window), amount, limit === Infinity ? 1e300 : limit, 0]
        return run("sum", [sumOf(spending)], args, (tag, answer): Reserved | undefined => {
          const told = Answer.numbers(answer, 4)
          if (told === undefined) return undefined
          const [sum = 0, slot = 0, wait = 0, madeAt = 0] = told
          return tag === "Refused"
            ? { _tag: tag, sum, wait, madeAt }
            : tag === "Reserved"
            ? { _tag: tag, slot, sum, madeAt }
            : undefined
        })
      },
      settle: (settlement) => {
        const { more, slot, window } = settlement
        const args = ["settle", Duration.toMillis(window), more, 0, slot]
        return run("sum", [sumOf(settlement)], args, (_, answer) => Answer.numbers(answer, 1)?.[0])
      },
      spent: (account) =>
        run("sum", [sumOf(account)], ["spent", Duration.toMillis(account.window), 0, 0, 0], (_, answer) =>
          Answer.numbers(answer, 1)?.[0])
    }
  })
