/**
 * Makes events happen: each changes the services and callers when it begins, and changes them back when it ends.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import type { Edge } from "../edge/edge.ts"
import type { Engine } from "../engine/engine.ts"
import { Timer } from "../engine/timers.ts"
import type { Caller } from "./caller.ts"
import type { CheckedEvent } from "./check.ts"
import { TokenBucket, Window } from "./limiters.ts"
import type { Service } from "./service.ts"

export interface Parts {
  readonly engine: Engine
  readonly services: ReadonlyMap<string, Service>
  readonly callers: ReadonlyMap<string, Caller>
  readonly edges: ReadonlyArray<Edge>
}

/** A timer that calls a function. */
export class Moment extends Timer {
  private readonly happens: () => void

  constructor(happens: () => void) {
    super()
    this.happens = happens
  }

  override ring(): void {
    this.happens()
  }
}

type EventOf<Type extends CheckedEvent["type"]> = Extract<CheckedEvent, { readonly type: Type }>

const without = <A>(all: ReadonlyArray<A>, one: A): ReadonlyArray<A> => all.filter((other) => other !== one)

/** When an event begins and ends. */
export const spanOf = (event: CheckedEvent): readonly [from: number, to: number] => [
  event.at,
  event.at + ("for" in event ? event.for : 0)
]

/** Sets the timers of an event. */
export const schedule = (event: CheckedEvent, parts: Parts): void => {
  const { engine } = parts
  const [from, to] = spanOf(event)
  const during = (begin: () => void, end: () => void) => {
    engine.add(new Moment(begin), from)
    engine.add(new Moment(end), to)
  }
  if (event.type === "surge") {
    const callers = [...parts.callers].filter(([name]) => event.caller === undefined || event.caller === name)
    return during(
      () => callers.forEach(([, caller]) => caller.surge(event.times, true)),
      () => callers.forEach(([, caller]) => caller.surge(event.times, false))
    )
  }
  const service = parts.services.get(event.service)
  if (service === undefined) return
  switch (event.type) {
    case "outage":
      return during(
        () => service.outages = [...service.outages, event],
        () => service.outages = without(service.outages, event)
      )
    case "brownOut":
      return brownOut(event, service, during)
    case "slowNode": {
      const slow = service.instances.slice(0, event.instances)
      return during(
        () => slow.forEach((instance) => instance.slower *= event.slower),
        () => slow.forEach((instance) => instance.slower /= event.slower)
      )
    }
    case "deploy":
      return deploy(event, service)
    case "coldCache":
      engine.add(
        new Moment(() => parts.edges.filter(({ to }) => to === service).forEach((edge) => edge.forget())),
        from
      )
      return
    case "lostPackets":
      return during(
        () => service.lossShare = event.share,
        () => service.lossShare = 0
      )
    case "rateLimit":
    case "quota":
      return limit(event, service, during)
  }
}

type During = (begin: () => void, end: () => void) => void

const brownOut = (event: EventOf<"brownOut">, service: Service, during: During): void => {
  const { errors } = service.options
  during(() => {
    service.slower *= event.slower
    service.errors = Math.max(errors, event.errors)
  }, () => {
    service.slower /= event.slower
    service.errors = errors
  })
}

const limit = (event: EventOf<"quota" | "rateLimit">, service: Service, during: During): void => {
  let limiter = new TokenBucket(1, 0) as TokenBucket | Window
  during(() => {
    limiter = event.type === "quota"
      ? new Window(event.requests, event.window ?? event.for, service.engine.now)
      : new TokenBucket(event.rate, service.engine.now)
    service.limiters = [...service.limiters, limiter]
  }, () => {
    service.limiters = without(service.limiters, limiter)
  })
}

const deploy = (event: EventOf<"deploy">, { engine, instances }: Service): void => {
  const each = event.for / instances.length
  instances.forEach((instance, i) => {
    engine.add(new Moment(() => instance.isOut = true), event.at + i * each)
    engine.add(
      new Moment(() => {
        instance.isOut = false
        instance.coldSince = engine.now
        instance.warmAt = engine.now + event.warmUp
        instance.coldSlower = event.slower
      }),
      event.at + (i + 1) * each
    )
  })
}
