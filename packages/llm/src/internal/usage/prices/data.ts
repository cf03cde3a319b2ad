/**
 * Prices as a file writes them.
 *
 * Guarded by `test/usage/prices.test.ts`.
 */
import type * as Arguments from "@holdfast/core/Arguments"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Price, priceCheck } from "../price.ts"
import type { Prices } from "./prices.ts"
import { firstOf, ofTable } from "./prices.ts"

const onlyKnownIsTrue = (table: Readonly<Record<string, Price | true>>) =>
  Object.entries(table).flatMap(([name, value]) =>
    value === true && name !== "known" ? [{ path: [name], issue: "must be a price" }] : []
  )

/** `known`, or prices by model, which have `known: true` among them where the known prices are for the rest. */
export const PricesData = Schema.Union([
  Schema.Literal("known"),
  Schema.Record(Schema.String, Schema.Union([Price, Schema.Literal(true)])).check(
    Schema.makeFilter(onlyKnownIsTrue)
  )
])
export type PricesData = typeof PricesData.Type

export const pricesCheck: Arguments.Check<unknown> = (value, place) => {
  if (value === "known") return value
  if (!Predicate.isObject(value)) return place.fault("must be `known`, or prices by model")
  for (const [name, price] of Object.entries(value)) {
    if (name === "known" && price === true) continue
    priceCheck(price, place.at(name))
  }
  return value
}

/** What a file's prices mean. The list of known prices is loaded for those who ask for it. */
export const fromData = async (data: PricesData): Promise<Prices> => {
  const known = async () => (await import("./known.ts")).prices
  if (data === "known") return known()
  const own: Record<string, Price> = {}
  for (const [name, price] of Object.entries(data)) if (price !== true) own[name] = price
  return data["known"] === true ? firstOf(ofTable(own), await known()) : ofTable(own)
}
