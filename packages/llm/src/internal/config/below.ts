/**
 * The settings of a file as defaults of environment variables.
 *
 * Guarded by `test/LlmConfig.test.ts` and `test/config/reloading.test.ts`.
 */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Member } from "./data/pools.ts"
import { names, servers } from "./registry.ts"
import type { LlmConfig } from "./schema.ts"

const seconds = (duration: Duration.Duration | undefined): string | undefined =>
  duration === undefined ? undefined : `${Duration.toSeconds(duration)}`

/** The file's settings by their environment variables. */
const settingsOf = (
  { base_urls, connectivity, max_tool_iterations, models, prices, provider_priority, retry }: LlmConfig
) => {
  const settings: Readonly<Record<string, string | number | undefined>> = {
    ...Object.fromEntries(names.flatMap((name) => {
      const { address, model } = servers[name].variables
      return [[model, models?.[name]], [address, base_urls?.[name]]]
    })),
    PROVIDER_PRIORITY: provider_priority?.join(","),
    LLM_RETRY_ATTEMPTS: retry?.attempts,
    LLM_RETRY_MIN_WAIT: seconds(retry?.min_wait),
    LLM_RETRY_MAX_WAIT: seconds(retry?.max_wait),
    LLM_RETRY_MULTIPLIER: retry?.multiplier,
    CONNECTIVITY_CHECK_URL: connectivity?.check_url,
    CONNECTIVITY_TIMEOUT_MS: connectivity?.timeout_ms,
    LLM_MAX_TOOL_ITERATIONS: max_tool_iterations,
    LLM_PRICES: prices === undefined || prices === "known" ? prices : JSON.stringify(prices)
  }
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => value === undefined ? [] : [[name, `${value}`]])
  )
}

/** The environment as a member of a pool sees it: its key, model and address in place of those of its server. */
export const asMember = (
  { base_url, key, model, provider }: Pick<Member, "provider" | "key" | "model" | "base_url">,
  modelVariable = servers[provider].variables.model
): Layer.Layer<never> => {
  const { variables } = servers[provider]
  const own = ConfigProvider.fromUnknown({
    ...(model !== undefined && { [modelVariable]: model }),
    ...(base_url !== undefined && { [variables.address]: base_url })
  })
  return Layer.effect(
    ConfigProvider.ConfigProvider,
    Effect.map(
      ConfigProvider.ConfigProvider,
      (environment) =>
        ConfigProvider.make((path) =>
          key !== undefined && path.length === 1 && path[0] === variables.key
            ? environment.load([key])
            : Effect.filterOrElse(own.load(path), (node) => node?.value !== undefined, () => environment.load(path))
        )
    )
  )
}

/** Reads the environment first, and the file where a variable is missing or blank. */
export const below = (config: LlmConfig): Layer.Layer<never> => {
  const file = ConfigProvider.fromUnknown(settingsOf(config))
  return Layer.effect(
    ConfigProvider.ConfigProvider,
    Effect.map(ConfigProvider.ConfigProvider, (environment) =>
      ConfigProvider.make((path) =>
        Effect.filterOrElse(
          environment.load(path),
          (node) => node?.value !== undefined && node.value.trim() !== "",
          (node) => Effect.map(file.load(path), (said) => said ?? node)
        )
      ))
  )
}
