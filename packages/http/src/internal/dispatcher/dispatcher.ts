/**
 * A `Dispatcher` of undici's over the resilient client, with the life that undici's own have.
 *
 * Guarded by `test/dispatcher/dispatcher.test.ts` and `test/dispatcher/dispatcher.fetch.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import { Dispatcher, errors } from "undici"
import type { Known } from "../undici/send.ts"
import type { Target } from "../undici/target.ts"
import { type Client, Dispatch } from "./dispatch.ts"
import { requestOf, targetOf } from "./request.ts"

/** The dispatch that a fiber runs for. */
export const CurrentDispatch: Context.Reference<Known | undefined> = Context.Reference<Known | undefined>(
  "@holdfast/http/internal/CurrentDispatch",
  { defaultValue: () => undefined }
)

/** What a dispatcher stands on. */
export interface Base {
  readonly client: Client
  readonly context: Context.Context<never>
  /** Carries what is not an exchange of a request and a response: upgrades and tunnels. */
  readonly upgrades: Dispatcher
  readonly close: () => Promise<void>
}

type Callback = (error: Error | null, data: null) => void

export class ResilientDispatcher extends Dispatcher {
  private readonly base: Base
  private readonly underWay = new Set<Dispatch>()
  private closing: Promise<void> | undefined = undefined
  private destroying: Promise<void> | undefined = undefined
  private onIdle: (() => void) | undefined = undefined

  constructor(base: Base) {
    super()
    this.base = base
  }

  get closed(): boolean {
    return this.closing !== undefined
  }

  get destroyed(): boolean {
    return this.destroying !== undefined
  }

  // undici's WebSocket reads these from the dispatcher that it is given.
  get webSocketOptions(): unknown {
    return Reflect.get(this.base.upgrades, "webSocketOptions")
  }

  get eventSourceOptions(): unknown {
    return Reflect.get(this.base.upgrades, "eventSourceOptions")
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (typeof handler !== "object" || handler === null) {
      throw new errors.InvalidArgumentError("handler must be an object")
    }
    try {
      if (typeof options !== "object" || options === null) {
        throw new errors.InvalidArgumentError("opts must be an object")
      }
      refuseUnknown(options)
      if (this.destroyed) throw new errors.ClientDestroyedError()
      if (this.closed) throw new errors.ClientClosedError()
      if (options.method === "CONNECT" || isSet(options.upgrade)) return this.base.upgrades.dispatch(options, handler)
      const target = targetOf(options)
      this.begin(options, handler, target, requestOf(options, target))
      return true
    } catch (error) {
      if (handler.onResponseError === undefined) throw error
      // undici gives no controller to what was never begun.
      handler.onResponseError(null as unknown as Dispatcher.DispatchController, error as Error)
      return false
    }
  }

  override close(): Promise<void>
  override close(callback: () => void): void
  override close(callback?: () => void): Promise<void> | void {
    if (this.destroyed && !this.closed) return settle(Promise.reject(new errors.ClientDestroyedError()), callback)
    this.closing ??= Promise.all([this.idle(), this.base.upgrades.close()]).then(() => this.destroy())
    return settle(this.closing, callback)
  }

  override destroy(): Promise<void>
  override destroy(error: Error | null): Promise<void>
  override destroy(callback: () => void): void
  override destroy(error: Error | null, callback: () => void): void
  override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> | void {
    if (typeof error === "function") return this.destroy(null, error)
    if (this.destroying === undefined) {
      const reason = error ?? new errors.ClientDestroyedError()
      this.destroying = Promise.all([this.base.upgrades.destroy(reason), this.base.close()]).then(() => undefined)
      for (const dispatch of this.underWay) dispatch.abort(reason)
    }
    return settle(this.destroying, callback)
  }

  private begin(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
    target: Target,
    request: Effect.Effect<HttpClientRequest.HttpClientRequest, unknown>
  ): void {
    const dispatch = new Dispatch(handler, options.body, (dispatch) => {
      this.underWay.delete(dispatch)
      if (this.underWay.size === 0) this.onIdle?.()
    })
    this.underWay.add(dispatch)
    dispatch.start(
      this.base.client,
      request,
      Context.add(this.base.context, CurrentDispatch, { target, own: ownOf(options), watch: dispatch })
    )
  }

  private idle(): Promise<void> {
    return this.underWay.size === 0 ? Promise.resolve() : new Promise((resolve) => this.onIdle = resolve)
  }
}

/** undici refuses these too: what they meant is an interceptor's now, or another function's. */
const refuseUnknown = (options: object): void => {
  for (const name of ["dispatcher", "throwOnError", "maxRedirections"]) {
    const value: unknown = Reflect.get(options, name)
    if (value !== undefined && value !== null && value !== 0) {
      throw new errors.InvalidArgumentError(`opts.${name} must be left out: a dispatcher does not take it`)
    }
  }
}

const isSet = (upgrade: unknown): boolean => upgrade !== undefined && upgrade !== null && upgrade !== false

/** The options of one dispatch that concern its connection. */
const ownOf = (options: Dispatcher.DispatchOptions): Partial<Dispatcher.DispatchOptions> => {
  const own: Record<string, unknown> = {}
  for (const name of ["headersTimeout", "bodyTimeout", "reset", "expectContinue", "typeOfService"] as const) {
    const value = options[name]
    if (value !== undefined && value !== null) own[name] = value
  }
  return own
}

const settle = (promise: Promise<void>, callback: Callback | (() => void) | undefined): Promise<void> | void => {
  if (callback === undefined) return promise
  if (typeof callback !== "function") throw new errors.InvalidArgumentError("invalid callback")
  const told = callback as Callback
  promise.then(() => told(null, null), (error) => told(error, null))
}
