/** What the chain of embeddings in a file means, with the environment. */
import { plural } from "@holdfast/core/Arguments"
import type * as LlmConfig from "@holdfast/llm/LlmConfig"
import type * as ProviderChain from "@holdfast/llm/ProviderChain"
import { wrapped } from "../terminal/paragraph.ts"
import type { Screen } from "../terminal/style.ts"

type Members = ReadonlyArray<ProviderChain.Choice>

const modelOf = ({ embeddings }: LlmConfig.LlmConfig, index: number): string | undefined =>
  embeddings?.members[index]?.model

/** The members in their order, in words. */
export const lines = (
  config: LlmConfig.LlmConfig,
  members: Members,
  { style, width }: Screen
): ReadonlyArray<string> => {
  const { embeddings } = config
  if (embeddings === undefined) return []
  const line = (head: string, text: string) => wrapped(text, width, `    ${style.paint("strong", head.padEnd(15))} `)
  const { batch_size, dimensions, same_model } = embeddings
  return [
    "",
    `  ${style.paint("title", "embeddings")}`,
    ...members.flatMap(({ advice, because, chosen, provider, server }, i) => {
      const model = modelOf(config, i)
      const asked = `${server === provider ? "" : `asks ${server}`}${model === undefined ? "" : ` for ${model}`}`.trim()
      return line(
        provider,
        `${asked === "" ? "" : `${asked}; `}${because}${chosen ? "" : `, so it is left out. ${advice ?? ""}`}`
      )
    }),
    ...line(
      "vectors",
      `${dimensions === undefined ? "of the model's own length" : `of ${plural(dimensions, "number")}`}, ` +
        (batch_size === undefined
          ? "in batches as each server takes them"
          : `in batches of ${plural(batch_size, "text")}`) +
        (same_model === true ? "; the members are said to serve one model" : "; the members must serve one model")
    )
  ]
}

/** The same as data. */
export const toJson = (config: LlmConfig.LlmConfig, members: Members) =>
  config.embeddings === undefined ? null : {
    members: members.map(({ advice, because, chosen, location, provider, server }, i) => ({
      name: provider,
      server,
      model: modelOf(config, i) ?? null,
      location,
      chosen,
      because,
      advice: advice ?? null
    })),
    dimensions: config.embeddings.dimensions ?? null,
    batchSize: config.embeddings.batch_size ?? null,
    sameModel: config.embeddings.same_model ?? false
  }
