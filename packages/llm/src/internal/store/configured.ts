/**
 * A store that the environment and a file describe, and that a chain which follows its file keeps up with it. Without a description
 * it is one in memory, which shares with no other process.
 *
 * Guarded by `test/config/store.test.ts`.
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as LlmConfig from "../../LlmConfig.ts"
import * as Setting from "../config/environment.ts"
import { makeMemory } from "./memory.ts"
import type { Settings } from "./settings.ts"
import { settingsOf, withUrl } from "./settings.ts"
import { ChainStore } from "./store.ts"

type Store = ChainStore["Service"]

/** Opens the store of settings. It is closed with the scope. */
export type OpenStore = (
  settings: Effect.Success<ReturnType<typeof withUrl>>
) => Effect.Effect<Store, never, Scope.Scope>

/** What a file describes, checked: `swap` puts it in force. */
export interface Prepared {
  readonly swap: Effect.Effect<void>
}

const nothing: Prepared = { swap: Effect.void }

class ConfiguredStore {
  private readonly open: OpenStore
  private readonly scope: Scope.Scope
  private said: Settings | undefined
  private store: Store = makeMemory()
  private own: Scope.Closeable | undefined

  constructor(open: OpenStore, scope: Scope.Scope) {
    this.open = open
    this.scope = scope
  }

  /** Passes every step on to the store in force. */
  readonly service: Store = {
    enter: (entry) => Effect.suspend(() => this.store.enter(entry)),
    report: (report) => Effect.suspend(() => this.store.report(report)),
    look: (chain, members) => Effect.suspend(() => this.store.look(chain, members)),
    reserve: (spending) => Effect.suspend(() => this.store.reserve(spending)),
    settle: (settlement) => Effect.suspend(() => this.store.settle(settlement)),
    spent: (account) => Effect.suspend(() => this.store.spent(account))
  }

  /** Checks what the file in force says. Returns what puts it in force; a store that is the same stays, with its state. */
  readonly prepare: Effect.Effect<Prepared, Config.ConfigError> = Effect.gen({ self: this }, function*() {
    const settings = yield* settingsOf((yield* LlmConfig.Current).store)
    if (Equal.equals(this.said, settings)) return nothing
    const ready = settings === undefined ? undefined : yield* withUrl(settings)
    return { swap: this.swap(settings, ready) }
  })

  private swap(settings: Settings | undefined, ready: Parameters<OpenStore>[0] | undefined): Effect.Effect<void> {
    return Effect.uninterruptible(Effect.gen({ self: this }, function*() {
      const before = this.own
      const scope = this.own = yield* Scope.fork(this.scope)
      this.store = ready === undefined ? makeMemory() : yield* Scope.provide(this.open(ready), scope)
      this.said = settings
      // What is under way there may end.
      if (before !== undefined) yield* Effect.forkIn(Scope.close(before, Exit.void), this.scope)
    }))
  }
}

/** The configured stores by their services. */
const configured = new WeakMap<Store, ConfiguredStore>()

/** Makes the store that is described. */
export const makeConfigured = (open: OpenStore): Effect.Effect<Store, Config.ConfigError, Scope.Scope> =>
  Effect.gen(function*() {
    const store = new ConfiguredStore(open, yield* Effect.scope)
    configured.set(store.service, store)
    yield* (yield* store.prepare).swap
    return store.service
  })

/**
 * Prepares the store in the context for the file in force. A store that the program made stays as it is. Fails where the file describes a
 * store and the context has none.
 */
export const prepareStore: Effect.Effect<Prepared, Config.ConfigError> = Effect.gen(function*() {
  const store = Option.getOrUndefined(yield* Effect.serviceOption(ChainStore))
  if (store !== undefined) return yield* configured.get(store)?.prepare ?? Effect.succeed(nothing)
  const { store: said } = yield* LlmConfig.Current
  return said === undefined ? nothing : yield* Effect.fail(Setting.fail(
    "llm.store describes a store, and the program provides none: provide ChainStoreConfig.layerConfig, of " +
      "@holdfast/llm/ChainStoreConfig, to the layer of the chain"
  ))
})
