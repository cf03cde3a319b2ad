/**
 * Tools that a vendor's own API runs, such as its search of the web: `Tool.providerDefined`, whose id begins with the vendor.
 * A request that has one goes only to a provider that speaks the vendor's own protocol.
 *
 * Guarded by `test/protocol/tools/vendorTools.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { unsupported } from "../../../ProviderFailure.ts"

/** A tool of the vendor's, as its API takes it. */
export interface VendorTool {
  /** The tool's name in the toolkit. */
  readonly tool: string
  /** The id without the vendor: Anthropic's has the version, `web_search_20250305`. */
  readonly type: string
  /** The name in the vendor's words. */
  readonly name: string
  readonly args: object
}

/** The tools of a request, the caller's and the vendor's. */
export interface Split {
  readonly own: ReadonlyArray<Tool.Any>
  readonly vendors: ReadonlyArray<VendorTool>
}

/** Whether the vendor runs a tool without the caller. */
export const runsThere = (tool: Tool.Any): boolean => Tool.isProviderDefined(tool) && !tool.requiresHandler

/**
 * Tells the caller's tools from those of the vendors that are named. With `handled`, the API also writes calls of its own tools
 * that the caller carries out, such as Anthropic's `bash`.
 */
export const split = (
  tools: ReadonlyArray<Tool.Any>,
  vendors: ReadonlyArray<string>,
  handled = false
): Effect.Effect<Split, AiError.AiErrorReason> => {
  const own: Array<Tool.Any> = []
  const theirs: Array<VendorTool> = []
  for (const tool of tools) {
    if (!Tool.isProviderDefined(tool)) {
      own.push(tool)
      continue
    }
    const [vendor = "", ...rest] = tool.id.split(".")
    if (!vendors.includes(vendor) || (tool.requiresHandler && !handled)) {
      return Effect.fail(unsupported("tools", `the tool "${tool.name}" is one that its own vendor's API runs`))
    }
    const { args } = tool
    theirs.push({
      tool: tool.name,
      type: rest.join("."),
      name: tool.providerName,
      args: Predicate.isReadonlyObject(args) ? args : {}
    })
  }
  return Effect.succeed({ own, vendors: theirs })
}
