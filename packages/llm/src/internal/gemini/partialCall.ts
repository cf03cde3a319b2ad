/**
 * A call whose arguments come in pieces, each with the path of the value that it belongs to. Gemini streams calls so where the
 * request sets `streamFunctionCallArguments` ("Function calling", "Streaming function call arguments").
 *
 * Guarded by `test/corpus/answers/answers.test.ts`.
 */
import type { Fields } from "../protocol/field.ts"
import { fields, isFields, isPresent, list, text } from "../protocol/field.ts"

type Node = Record<string, unknown> | Array<unknown>

/** The keys and indices of a path such as `$.stops[0].city` or `$['a b']`. */
const keysOf = (path: string): ReadonlyArray<string | number> =>
  Array.from(
    path.matchAll(/\[(\d+)\]|\[(?:'([^']*)'|"([^"]*)")\]|\.([^.[]+)/g),
    ([, index, single, double, plain]) => index === undefined ? single ?? double ?? plain ?? "" : Number(index)
  )

const get = (node: Node, key: string | number): unknown =>
  Object.hasOwn(node, key) ? (node as Record<string | number, unknown>)[key] : undefined

// Not by assignment: a key `__proto__` would change the object's prototype.
const set = (node: Node, key: string | number, value: unknown): void => {
  Object.defineProperty(node, key, { value, configurable: true, enumerable: true, writable: true })
}

/** The most elements that an index of a server's may make. */
const longest = 100_000

export class PartialCall {
  /** The first piece, which has the name, and the id if there is one. */
  readonly first: Fields
  private readonly args: Record<string, unknown>

  constructor(first: Fields) {
    this.first = first
    this.args = { ...fields(first["args"]) }
    this.add(first)
  }

  /** Whether a call is told in pieces, of which this is the first. */
  static begins(call: Fields): boolean {
    return call["willContinue"] === true && text(call["name"]) !== undefined
  }

  /** Takes in a piece, and says whether the call is whole now. */
  add(piece: Fields): boolean {
    for (const part of list(piece["partialArgs"])) if (isFields(part)) this.put(part)
    return piece["willContinue"] !== true
  }

  /** The call as it would have come in one piece. */
  whole(): Fields {
    return { ...this.first, args: this.args }
  }

  private put(part: Fields): void {
    const keys = keysOf(text(part["jsonPath"]) ?? "")
    const last = keys.at(-1)
    if (last === undefined || keys.some((key) => typeof key === "number" && key > longest)) return
    let node: Node = this.args
    for (const [i, key] of keys.slice(0, -1).entries()) {
      const known = get(node, key)
      const next: Node = isFields(known) || Array.isArray(known) ? known : typeof keys[i + 1] === "number" ? [] : {}
      if (next !== known) set(node, key, next)
      node = next
    }
    const known = get(node, last)
    const said = part["stringValue"]
    if (typeof said === "string") set(node, last, typeof known === "string" ? known + said : said)
    else if (isPresent(part["numberValue"])) set(node, last, part["numberValue"])
    else if (isPresent(part["boolValue"])) set(node, last, part["boolValue"])
    else if ("nullValue" in part) set(node, last, null)
  }
}
