/**
 * The observers of policy events that are in force for a fiber.
 *
 * Guarded by `test/PolicyEvent.test.ts` and `test/composition/everything.test.ts`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { Observer, PolicyEvent } from "./event.ts"

const none: ReadonlyArray<Observer> = []

const Observers = Context.Reference<ReadonlyArray<Observer>>("@holdfast/core/PolicyEvent/Observers", {
  defaultValue: () => none
})

// Whether any effect of this process has ever been observed. Until then a call need not look for observers.
let observed = false

/** Adds an observer for the duration of an effect. */
export const add = <A, E, R>(self: Effect.Effect<A, E, R>, observer: Observer): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    observed = true
    return Effect.updateService(self, Observers, (observers) => [...observers, observer])
  })

/** Hides from an observer what runs within an effect. */
export const hide = <A, E, R>(self: Effect.Effect<A, E, R>, observer: Observer): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Observers, (observers) => observers.filter((other) => other !== observer))

/** A layer that adds an observer to all that it is provided to. */
export const layer = (observer: Effect.Effect<Observer>): Layer.Layer<never> =>
  Layer.effect(
    Observers,
    Effect.map(Effect.all([Observers, observer]), ([observers, observer]) => {
      observed = true
      return [...observers, observer]
    })
  )

/** The observers of a fiber, outermost first. */
export const of = (fiber: Fiber.Fiber<unknown, unknown>): ReadonlyArray<Observer> =>
  observed ? fiber.getRef(Observers) : none

/** Tells all observers of an event. What one of them throws is thrown when all have been told: a defect of the call. */
export const tell = <Event extends PolicyEvent>(
  observers: ReadonlyArray<(event: Event) => void>,
  event: Event
): void => {
  let broken: { readonly defect: unknown } | undefined
  for (const observer of observers) {
    try {
      observer(event)
    } catch (defect) {
      broken ??= { defect }
    }
  }
  if (broken !== undefined) throw broken.defect
}
