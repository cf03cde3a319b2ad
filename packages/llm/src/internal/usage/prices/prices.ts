/**
 * Prices as a value, which `Prices` exports.
 *
 * Guarded by `test/usage/prices.test.ts`.
 */
import * as Predicate from "effect/Predicate"
import type { Price } from "../price.ts"
import type { Priced } from "./find.ts"
import { findOwn } from "./find.ts"

const TypeId: unique symbol = Symbol.for("@holdfast/llm/Prices")

/** Finds the price of a model. */
export interface Prices {
  readonly [TypeId]: typeof TypeId
  readonly find: (priced: Priced) => Price | undefined
}

/** Whether a value is prices. */
export const isPrices = (u: unknown): u is Prices => Predicate.hasProperty(u, TypeId)

export const of = (find: Prices["find"]): Prices => ({ [TypeId]: TypeId, find })

/** The prices of a table of one's own. */
export const ofTable = (prices: Readonly<Record<string, Price>>): Prices => of((priced) => findOwn(prices, priced))

export const firstOf = (self: Prices, that: Prices): Prices => of((priced) => self.find(priced) ?? that.find(priced))
