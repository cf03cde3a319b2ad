/**
 * Finds the price of a model: by its id, then by the id without the date of a snapshot.
 *
 * Guarded by `test/usage/prices.test.ts`.
 */
import type { Location } from "../../../Provider.ts"
import type { Price } from "../price.ts"
import type { Changing, VendorPrices } from "./row.ts"
import { times } from "./row.ts"

/** What a price depends on. */
export interface Priced {
  readonly provider: string
  readonly model: string
  readonly location: Location
  /** When the attempt ended, in milliseconds since the epoch. */
  readonly at: number
}

const snapshot = /(?:-\d{4}-\d{2}-\d{2}|-\d{8}|@\d{8})$/u

const own = <A>(record: Readonly<Record<string, A>>, key: string): A | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined

/** Of a table of one's own, by `provider/model` or by model. */
export const findOwn = (
  prices: Readonly<Record<string, Price>>,
  { model, provider }: Pick<Priced, "model" | "provider">
): Price | undefined => {
  const undated = model.replace(snapshot, "")
  return own(prices, `${provider}/${model}`) ?? own(prices, model) ?? own(prices, `${provider}/${undated}`) ??
    own(prices, undated)
}

/** The vendor of a provider by its name: `openai`, and `openai-eu` in a pool. The longest name that fits wins. */
const vendorOf = <V extends { readonly providers: ReadonlyArray<string> }>(
  vendors: ReadonlyArray<V>,
  name: string
): V | undefined => {
  let found: { readonly length: number; readonly vendor: V } | undefined
  for (const vendor of vendors) {
    for (const { length } of vendor.providers.filter((known) => name === known || name.startsWith(`${known}-`))) {
      if (found === undefined || length > found.length) found = { length, vendor }
    }
  }
  return found?.vendor
}

const isChanging = (row: Price | Changing): row is Changing => "later" in row

const rowOf = (vendor: VendorPrices, model: string, at: number): Price | undefined => {
  const { dated = snapshot, models, offPeak } = vendor
  const id = model.startsWith("models/") ? model.slice("models/".length) : model
  const row = own(models, id) ?? own(models, id.replace(dated, ""))
  if (row === undefined) return undefined
  const price = !isChanging(row) ? row : at < Date.parse(row.from) ? row.now : row.later
  return offPeak === undefined || offPeak.isPeak(at) ? price : times(price, offPeak.factor)
}

/**
 * Of the known prices. A local model has none. A provider whose name does not tell its vendor is priced by its model, if only its
 * own maker serves a model of that name; a provider of another vendor without prices never is.
 */
export const findKnown = (
  vendors: ReadonlyArray<VendorPrices>,
  unpriced: ReadonlyArray<string>,
  { at, location, model, provider }: Priced
): Price | undefined => {
  if (location === "local") return undefined
  const vendor = vendorOf([...vendors, { providers: unpriced }], provider)
  if (vendor !== undefined) return "models" in vendor ? rowOf(vendor, model, at) : undefined
  const [only, ...others] = vendors.filter((one) => one.shared !== true).flatMap((one) => rowOf(one, model, at) ?? [])
  return others.length === 0 ? only : undefined
}
