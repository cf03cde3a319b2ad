/**
 * The items of a response as its events tell them. An event names its item by index and by id; gateways leave out one of them,
 * give all items one index, or give an item another id with each event.
 *
 * Guarded by `test/corpus/answers/answers.test.ts` and `test/protocol/answer/calls.laws.test.ts`.
 */
import type { Fields } from "../protocol/field.ts"
import { count, text } from "../protocol/field.ts"

/** An item that has begun. */
export interface Item {
  /** What of it has been said. */
  said: string
  /** The part of a summary, or of a message's content, that was said last. */
  part: number | undefined
  ended: boolean
  /** Under which id its call was told, if it is one. */
  call: string | undefined
  /** What the events said about it so far. */
  fields: Fields
  readonly ids: Set<string>
}

const idsOf = (item: Fields): ReadonlyArray<string> =>
  [text(item["id"]), text(item["call_id"])].filter((id) => id !== undefined)

export class Items {
  readonly all: Array<Item> = []
  private readonly byIndex = new Map<number, Item>()

  /** The item that begins, and the one that it ends, whose own end was left out. */
  added(event: Fields, fields: Fields): { readonly item: Item; readonly left: Item | undefined } {
    const same = this.byId(fields["id"])
    if (same !== undefined && !same.ended) return { item: this.learn(same, fields), left: undefined }
    const index = count(event["output_index"])
    const before = index === undefined ? undefined : this.byIndex.get(index)
    return { item: this.make(index, fields), left: before?.ended === false ? before : undefined }
  }

  /** The item that an event adds to. */
  at(event: Fields): Item {
    const index = count(event["output_index"])
    return this.byId(event["item_id"]) ?? this.here(index) ?? this.make(index, {})
  }

  /** The item that ends; `undefined` for one that has ended already. */
  done(event: Fields, fields: Fields): Item | undefined {
    const index = count(event["output_index"])
    const known = this.byId(fields["id"]) ??
      (index === undefined ? this.byId(fields["call_id"]) : undefined) ?? this.here(index)
    if (known === undefined) return this.make(index, fields)
    if (!known.ended) return this.learn(known, fields)
    const ids = idsOf(fields)
    return ids.length === 0 || ids.some((id) => known.ids.has(id)) ? undefined : this.make(index, fields)
  }

  /** The items of a whole response that no event has ended. */
  rest(output: ReadonlyArray<Fields>): ReadonlyArray<Item> {
    const told = new Set(this.all)
    return output.flatMap((fields, index) => {
      const ids = idsOf(fields)
      const byIndex = this.byIndex.get(index)
      const known = Array.from(told).find((item) => ids.some((id) => item.ids.has(id))) ??
        (byIndex !== undefined && told.has(byIndex) ? byIndex : undefined)
      if (known === undefined) return [this.make(undefined, fields)]
      told.delete(known)
      return known.ended ? [] : [this.learn(known, fields)]
    })
  }

  private byId(id: unknown): Item | undefined {
    const own = text(id)
    return own === undefined ? undefined : this.all.findLast(({ ids }) => ids.has(own))
  }

  private here(index: number | undefined): Item | undefined {
    return index === undefined ? this.all.at(-1) : this.byIndex.get(index)
  }

  private make(index: number | undefined, fields: Fields): Item {
    const item: Item = { said: "", part: undefined, ended: false, call: undefined, fields, ids: new Set(idsOf(fields)) }
    this.all.push(item)
    if (index !== undefined) this.byIndex.set(index, item)
    return item
  }

  private learn(item: Item, fields: Fields): Item {
    // The end of an item has the whole of it, but that of a call may lack what its beginning said.
    const isCall = (fields["type"] ?? item.fields["type"]) === "function_call"
    item.fields = isCall || fields["type"] === undefined ? { ...item.fields, ...fields } : fields
    for (const id of idsOf(fields)) item.ids.add(id)
    return item
  }
}
