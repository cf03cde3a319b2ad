/**
 * Calls of tools from their deltas, in every shape in which servers send them: an index and an id that comes once, an id with
 * each delta, a fresh id with each delta, no ids, all calls on one index, an id or a name that comes late, arguments as an
 * object, and calls that come whole.
 *
 * Guarded by `test/openai/presets.test.ts` and `test/OpenAiProvider.test.ts`.
 */
import type * as Schema from "effect/Schema"
import type { CallIds } from "../protocol/answer/callIds.ts"
import type { Call } from "../protocol/answer/ending.ts"
import type { Writer } from "../protocol/answer/writer.ts"
import type { Fields } from "../protocol/field.ts"
import { fields, text } from "../protocol/field.ts"
import { isWhole, toParams } from "../protocol/tools/toolParams.ts"
import * as Kept from "./kept.ts"

interface Pending {
  readonly index: number | undefined
  id: string
  name: string
  params: string
  kept: Readonly<Record<string, Schema.Json>>
  /** Under which id it has been announced, another than the server's where that is taken, and how much of `params` is told. */
  announced: { readonly id: string; length: number } | undefined
}

const argumentsText = (value: unknown): string =>
  typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value) ?? ""

const indexOf = (value: unknown): number | undefined =>
  typeof value === "number" ? value : typeof value === "string" && /^\d+$/.test(value) ? Number(value) : undefined

/** What a delta says. Mistral writes the id `"null"` where it has none. */
interface Delta {
  readonly index: number | undefined
  readonly id: string
  readonly name: string
  readonly params: string
  readonly kept: Readonly<Record<string, Schema.Json>>
}

const read = (delta: Fields): Delta => {
  const inner = fields(delta["function"])
  const id = text(delta["id"]) ?? ""
  return {
    index: indexOf(delta["index"]),
    id: id === "null" ? "" : id,
    name: text(inner["name"]) ?? text(delta["name"]) ?? "",
    params: argumentsText(inner["arguments"] ?? inner["parameters"] ?? delta["arguments"]),
    kept: Object.fromEntries(
      Object.entries(delta).filter(([key, value]) =>
        !Kept.callFields.has(key) && key !== "name" && key !== "arguments" &&
        value !== null && value !== undefined
      )
    ) as Readonly<Record<string, Schema.Json>>
  }
}

/** Whether a delta belongs to the call that is known at its place, rather than begins another. */
const continues = (known: Pending, { id, name, params }: Delta): boolean => {
  const isComplete = isWhole(known.params)
  if (id !== "" && known.id !== "" && id !== known.id) {
    // A fresh id goes on with a call only where nothing else begins one.
    if (name === "") return !isComplete
    return known.name === name && !isComplete && !(known.params === "" && params === "")
  }
  if (id !== "" && id === known.id) return true
  if (name === "" || known.name === "") return true
  // A name again: of the next call where this one is complete, or the same one's, said again.
  return known.name === name && (!isComplete || params === "")
}

export class ToolCalls {
  private readonly calls: Array<Pending> = []
  private readonly writer: Writer
  private readonly ids: CallIds

  constructor(writer: Writer, ids: CallIds) {
    this.writer = writer
    this.ids = ids
  }

  /** Takes in a delta, or a whole call. */
  add(value: unknown): void {
    const delta = read(fields(value))
    const call = this.pending(delta)
    if (call.id === "") call.id = delta.id
    if (call.name === "") call.name = delta.name
    call.params += delta.params
    call.kept = { ...call.kept, ...delta.kept }
    if (call.id !== "" && call.name !== "") this.announce(call)
  }

  private pending(delta: Delta): Pending {
    const { calls } = this
    const { id, index } = delta
    const known = calls.findLast((call) => id !== "" && call.id === id && call.index === index) ??
      (index === undefined ? calls.at(-1) : calls.findLast((call) => call.index === index))
    if (known !== undefined && continues(known, delta)) return known
    const call: Pending = { index, id: "", name: "", params: "", kept: {}, announced: undefined }
    calls.push(call)
    return call
  }

  private announce(call: Pending): string {
    const { name, params } = call
    if (call.announced === undefined) {
      const id = this.ids.take(call.id)
      call.announced = { id, length: 0 }
      this.writer.part({ type: "tool-params-start", id, name })
    }
    const { announced } = call
    if (params.length > announced.length) {
      this.writer.part({ type: "tool-params-delta", id: announced.id, delta: params.slice(announced.length) })
      announced.length = params.length
    }
    return announced.id
  }

  /** The answer is over: gives the calls, each under an id of its own. */
  end(): ReadonlyArray<Call> {
    return this.calls.map((call) => {
      const id = this.announce(call)
      this.writer.part({ type: "tool-params-end", id })
      const { kept, name, params } = call
      return { id, name, params: toParams(params), written: params, ...Kept.metadata({ call: kept }) }
    })
  }
}
