/**
 * The providers of the environment and a file, across changes of the file. A provider whose settings did not change stays the same
 * one, with its client, its pool and their state.
 *
 * Guarded by `test/config/reloading.test.ts`.
 */
import type * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import type * as HttpClient from "effect/http/HttpClient"
import * as Scope from "effect/Scope"
import * as Struct from "effect/Struct"
import * as LlmConfig from "../../LlmConfig.ts"
import type { Provider } from "../../Provider.ts"
import * as Configured from "../config/chain.ts"

interface Slot<A> {
  readonly name: string
  /** All that a file says of it, but for what is the chain's. */
  readonly said: unknown
  readonly provider: A
  readonly scope: Scope.Closeable
  /** How many chains have it. */
  uses: number
}

/** Providers of one chain. */
export interface Taken<A> {
  readonly providers: Arr.NonEmptyReadonlyArray<A>
  /** The chain is made: from now on these are those to keep. */
  readonly keep: () => void
  /** The chain is no longer needed. */
  readonly release: Effect.Effect<void>
}

/** What providers there are, and how each is made. */
interface Supply<A> {
  readonly chosen: Effect.Effect<Arr.NonEmptyReadonlyArray<Choice>, Config.ConfigError>
  readonly make: (choice: Choice) => Effect.Effect<A, Config.ConfigError, HttpClient.HttpClient | Scope.Scope>
  /** What a file says of a provider alone. */
  readonly saidOf: (file: LlmConfig.LlmConfig, choice: Choice) => unknown
}

type Choice = Parameters<typeof Configured.overItsClient>[0]

/** What a file says of how a server is called. */
export const saidOfServer = (file: LlmConfig.LlmConfig, name: Choice["server"]) => {
  const own = file.providers?.[name]
  const chains = ["bulkhead", "retry", "timeouts", "transport"] as const
  return {
    common: Struct.omit(file.http ?? {}, chains),
    own: Struct.omit(own ?? {}, chains),
    transport: own?.transport === undefined ? undefined : LlmConfig.transport(file, name),
    address: file.base_urls?.[name]
  }
}

/** The providers of a chain, of which a file says what its server and its pool do. */
export const supplyOf = (make: Supply<Provider>["make"]): Supply<Provider> => ({
  chosen: Configured.chosen,
  make,
  saidOf: (file, { provider, server }) => {
    const member = Configured.memberOf(file, provider)?.data
    return {
      ...saidOfServer(file, server),
      model: file.models?.[server],
      // Everything else about a member is set by its pool.
      member: member && Struct.pick(member, ["provider", "key", "model", "base_url"])
    }
  }
})

export class KeptProviders<A> {
  private kept: ReadonlyArray<Slot<A>> = []
  private readonly scope: Scope.Scope
  private readonly supply: Supply<A>

  /** What providers have opened is closed with the scope at the latest. */
  constructor(scope: Scope.Scope, supply: Supply<A>) {
    this.scope = scope
    this.supply = supply
  }

  /** The providers that the settings in force choose. */
  get take(): Effect.Effect<Taken<A>, Config.ConfigError, HttpClient.HttpClient> {
    return Effect.suspend(() => {
      const slots: Array<Slot<A>> = []
      const release = Effect.suspend(() =>
        Effect.forEach(slots, (slot) => --slot.uses === 0 ? Scope.close(slot.scope, Exit.void) : Effect.void, {
          discard: true
        })
      )
      return this.supply.chosen.pipe(
        Effect.flatMap(Effect.forEach((choice) =>
          Effect.map(this.slot(choice), (slot) => {
            slot.uses++
            slots.push(slot)
            return slot.provider
          })
        )),
        Effect.map((providers): Taken<A> => ({
          providers,
          keep: () => {
            this.kept = slots
          },
          release
        })),
        Effect.onError(() => release)
      )
    })
  }

  private slot(choice: Choice): Effect.Effect<Slot<A>, Config.ConfigError, HttpClient.HttpClient> {
    return Effect.gen({ self: this }, function*() {
      const name = choice.provider
      const said = this.supply.saidOf(yield* LlmConfig.Current, choice)
      const kept = this.kept.find((slot) => slot.name === name)
      if (kept !== undefined && Equal.equals(kept.said, said)) return kept
      const scope = yield* Scope.fork(this.scope)
      const provider = yield* this.supply.make(choice).pipe(
        Scope.provide(scope),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      return { name, said, provider, scope, uses: 0 }
    })
  }
}
