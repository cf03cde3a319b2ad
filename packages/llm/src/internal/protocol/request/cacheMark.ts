/**
 * Marks that the beginning of a prompt up to here is worth keeping in the vendor's cache, where a vendor caches what is marked: in
 * the options of a message or a part, under the names that Effect's own providers read, `anthropic.cacheControl` and
 * `bedrock.cachePoint`. One mark is for both, because a chain may ask either ("Prompt caching" of the Claude API and of Amazon
 * Bedrock).
 *
 * Guarded by `test/protocol/request/cacheMark.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** A mark, with how long the vendor keeps it: its default, or an hour. */
export interface Mark {
  readonly ttl?: "5m" | "1h"
}

const ttl = Schema.optional(Schema.NullOr(Schema.Literals(["5m", "1h"])))

const ofAnthropic = Schema.decodeUnknownOption(
  Schema.Struct({
    anthropic: Schema.Struct({ cacheControl: Schema.Struct({ type: Schema.Literal("ephemeral"), ttl }) })
  })
)

const ofBedrock = Schema.decodeUnknownOption(
  Schema.Struct({ bedrock: Schema.Struct({ cachePoint: Schema.Struct({ type: Schema.Literal("default"), ttl }) }) })
)

/** The mark of a message or a part, if it has one. */
export const of = (options: Prompt.ProviderOptions): Mark | undefined => {
  const found = Option.orElse(
    Option.map(ofAnthropic(options), ({ anthropic }) => anthropic.cacheControl),
    () => Option.map(ofBedrock(options), ({ bedrock }) => bedrock.cachePoint)
  )
  if (Option.isNone(found)) return undefined
  const { ttl } = found.value
  return ttl === undefined || ttl === null ? {} : { ttl }
}
