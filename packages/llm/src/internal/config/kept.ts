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
import * as Configured from "./chain.ts"

interface Slot {
  readonly name: string
  /** All that a file says of it, but for what is the chain's. */
  readonly said: unknown
  readonly provider: Provider
  readonly scope: Scope.Closeable
  /** How many chains have it. */
  uses: number
}

/** Providers of one chain. */
export interface Taken {
  readonly providers: Arr.NonEmptyReadonlyArray<Provider>
  /** The chain is made: from now on these are those to keep. */
  readonly keep: () => void
  /** The chain is no longer needed. */
  readonly release: Effect.Effect<void>
}

type Choice = Parameters<typeof Configured.overItsClient>[0]

const saidOf = (file: LlmConfig.LlmConfig, { provider, server: name }: Choice): unknown => {
  const member = Configured.memberOf(file, provider)?.data
  const own = file.providers?.[name]
  const chains = ["bulkhead", "retry", "timeouts", "transport"] as const
  return {
    common: Struct.omit(file.http ?? {}, chains),
    own: Struct.omit(own ?? {}, chains),
    transport: own?.transport === undefined ? undefined : LlmConfig.transport(file, name),
    model: file.models?.[name],
    address: file.base_urls?.[name],
    // Everything else about a member is set by its pool.
    member: member && Struct.pick(member, ["provider", "key", "model", "base_url"])
  }
}

export class KeptProviders {
  private kept: ReadonlyArray<Slot> = []
  private readonly scope: Scope.Scope
  private readonly make: (choice: Choice) => ReturnType<typeof Configured.overItsClient>

  /** What providers have opened is closed with the scope at the latest. */
  constructor(scope: Scope.Scope, make: KeptProviders["make"]) {
    this.scope = scope
    this.make = make
  }

  /** The providers that the settings in force choose. */
  get take(): Effect.Effect<Taken, Config.ConfigError, HttpClient.HttpClient> {
    return Effect.suspend(() => {
      const slots: Array<Slot> = []
      const release = Effect.suspend(() =>
        Effect.forEach(slots, (slot) => --slot.uses === 0 ? Scope.close(slot.scope, Exit.void) : Effect.void, {
          discard: true
        })
      )
      return Configured.chosen.pipe(
        Effect.flatMap(Effect.forEach((choice) =>
          Effect.map(this.slot(choice), (slot) => {
            slot.uses++
            slots.push(slot)
            return slot.provider
          })
        )),
        Effect.map((providers): Taken => ({
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

  private slot(choice: Choice): Effect.Effect<Slot, Config.ConfigError, HttpClient.HttpClient> {
    return Effect.gen({ self: this }, function*() {
      const name = choice.provider
      const said = saidOf(yield* LlmConfig.Current, choice)
      const kept = this.kept.find((slot) => slot.name === name)
      if (kept !== undefined && Equal.equals(kept.said, said)) return kept
      const scope = yield* Scope.fork(this.scope)
      const provider = yield* this.make(choice).pipe(
        Scope.provide(scope),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      return { name, said, provider, scope, uses: 0 }
    })
  }
}
