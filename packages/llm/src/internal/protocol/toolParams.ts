/** What a model wrote as the parameters of a tool call, read as JSON. */
import * as Tool from "effect/ai/Tool"
import * as Result from "effect/Result"

/**
 * Arguments that are not JSON stay text: the toolkit then reports invalid parameters to whoever asked, and the model may
 * correct itself. They are not the provider's failure.
 */
export const toParams = (text: string): unknown =>
  text.trim() === ""
    ? {}
    : Result.getOrElse(Result.try(() => Tool.unsafeSecureJsonParse(text)), () => text)
