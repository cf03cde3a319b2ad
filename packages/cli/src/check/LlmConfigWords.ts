/** What a chain in a file means, with the environment: who is asked, and by which policy each. */
import { plural } from "@holdfast/core/Arguments"
import type * as ChainStore from "@holdfast/llm/ChainStore"
import type * as LlmConfig from "@holdfast/llm/LlmConfig"
import type * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Duration from "effect/Duration"
import { wrapped } from "../terminal/paragraph.ts"
import type { Screen } from "../terminal/style.ts"
import * as EmbeddingWords from "./EmbeddingWords.ts"
import * as PolicyWords from "./PolicyWords.ts"
import * as StoreWords from "./StoreWords.ts"

type Treated = ProviderChain.Treated

const within = (duration: Duration.Duration | undefined): string =>
  duration === undefined ? "any time" : `at most ${Duration.format(duration)}`

/** What a hedge waits for, and for how many others. */
const hedgeWords = ({ after, max }: NonNullable<Treated["hedge"]>): string => {
  const late = "quantile" in after
    ? `it takes longer than ${Math.round(after.quantile * 100)} % of its answers so far`
    : `its first content takes longer than ${Duration.format(after)}`
  return `If ${late}, the next provider is asked as well${max === 1 ? "" : `, at most ${max} of them a request`}.`
}

const parametersWords = (parameters: Treated["parameters"]): ReadonlyArray<string> => {
  const said = Object.entries(parameters).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return said.length === 0 ? [] : [`It is asked with ${said.join(", ")}.`]
}

/** What the file says of a member of a pool. */
const poolWords = (
  { pools }: LlmConfig.LlmConfig,
  { pool: name, provider, server }: Treated
): ReadonlyArray<string> => {
  const pool = name === undefined ? undefined : pools?.[name]
  if (name === undefined || pool === undefined) return []
  const member = pool.members.find((member, i) => (member.name ?? `${name}-${i + 1}`) === provider)
  const limits = [
    member?.requests_per_minute === undefined ? undefined : plural(member.requests_per_minute, "request"),
    member?.tokens_per_minute === undefined ? undefined : plural(member.tokens_per_minute, "token")
  ].filter((words) => words !== undefined)
  const first = firsts[pool.strategy ?? "leastBusy"]
  return [
    `It is a member of the pool "${name}", which asks ${first} first, and it asks ${server}` +
    `${member?.model === undefined ? "" : ` for ${member.model}`}.`,
    ...limits.length === 0 ? [] : [`It may take ${limits.join(" and ")} a minute.`]
  ]
}

/** Which member a pool asks first. */
const firsts = {
  inOrder: "the earliest",
  weighted: "one by its weight",
  leastBusy: "the least busy",
  fastest: "the fastest",
  cheapest: "the cheapest",
  sticky: "that of the session"
} as const

const rest = (
  { betweenChunks, cooldown, firstContent, hedge, parameters, policy: { attempts }, repairs }: Treated
): ReadonlyArray<string> => [
  `It is asked ${attempts === 1 ? "once" : `at most ${plural(attempts, "time")}`}. A stream takes ${
    within(firstContent)
  } to its ` +
  `first content, and ${within(betweenChunks)} between two pieces.`,
  Duration.isZero(cooldown)
    ? "After it fails for good it is asked again at once."
    : `After it fails for good it is skipped for ${Duration.format(cooldown)}.`,
  ...hedge === undefined ? [] : [hedgeWords(hedge)],
  ...repairs === 0
    ? []
    : [`An answer that does not follow its schema is repaired by the same model, ${plural(repairs, "time")} at most.`],
  ...parametersWords(parameters)
]

const treatment = (
  config: LlmConfig.LlmConfig,
  treated: Treated,
  place: string,
  { style, width }: Screen
): ReadonlyArray<string> => [
  "",
  `  ${place} ${style.paint("title", treated.provider)}  ${style.paint("quiet", treated.because)}`,
  ...treated.policy.parts.flatMap(({ part, text }) =>
    wrapped(text, width, `    ${style.paint("strong", part.padEnd(15))} `)
  ),
  ...[...poolWords(config, treated), ...rest(treated)].flatMap((line) => wrapped(line, width, "    "))
]

/** Whether the file names it. */
const isMeant = (
  { base_urls, models, provider_priority, providers }: LlmConfig.LlmConfig,
  { pool, provider, server }: Treated
): boolean =>
  pool !== undefined || provider_priority?.includes(provider) === true ||
  [base_urls, models, providers].some((part) => part?.[server] !== undefined)

const pricesWords = ({ budgets, prices }: LlmConfig.LlmConfig): string => {
  if (prices === undefined) {
    return budgets?.some(({ limit }) => "cost" in limit) === true
      ? "none in the file: a budget of cost needs them, so set prices, or LLM_PRICES"
      : "none, so that costs are unknown"
  }
  if (prices === "known") return "those that vendors publish"
  const own = Object.keys(prices).filter((name) => name !== "known").length
  return `${plural(own, "price")} of the file` +
    ("known" in prices ? ", and for the rest those that vendors publish" : "")
}

/** What may be spent, in words. */
const money = (config: LlmConfig.LlmConfig, { style, width }: Screen): ReadonlyArray<string> => {
  const { budgets, prices } = config
  if (budgets === undefined && prices === undefined) return []
  const line = (head: string, text: string) => wrapped(text, width, `    ${style.paint("strong", head.padEnd(15))} `)
  return [
    "",
    `  ${style.paint("title", "money")}`,
    ...line("prices", pricesWords(config)),
    ...(budgets ?? []).flatMap(({ by, limit, name, when_spent, window }) => {
      const most = "cost" in limit ? `a cost of ${limit.cost}` : plural(limit.tokens, "token")
      const who = by === undefined ? "all requests together" : `the requests of each ${by}`
      const then = when_spent === "cheapest" ? "only the cheapest provider is asked" : "requests fail"
      return line(
        "budget",
        `${name === undefined ? "" : `${name}: `}${who} may take ${most} in any ` +
          `${Duration.format(window)}; then ${then}`
      )
    })
  ]
}

/** What the settings come to, with the environment. */
export interface Found {
  readonly treated: ReadonlyArray<Treated>
  readonly store: ChainStore.Settings | undefined
  /** The members of the chain of embeddings. */
  readonly embeddings: ReadonlyArray<ProviderChain.Choice>
}

/** The whole of it. */
export const lines = (
  place: string,
  config: LlmConfig.LlmConfig,
  { embeddings, store, treated }: Found,
  screen: Screen
): ReadonlyArray<string> => {
  const { style } = screen
  const chosen = treated.filter(({ chosen }) => chosen)
  const meant = treated.filter((one) => !one.chosen && isMeant(config, one))
  const others = treated.filter((one) => !one.chosen && !meant.includes(one))
  return [
    `${style.paint("good", "✓")} ${place} ${style.paint("quiet", "is a valid chain")}`,
    ...(chosen.length === 0
      ? ["", "  With this environment no provider is asked. `holdfast doctor` says what to set."]
      : []),
    ...chosen.flatMap((one, index) => treatment(config, one, `${index + 1}`, screen)),
    ...EmbeddingWords.lines(config, embeddings, screen),
    ...money(config, screen),
    ...StoreWords.lines(config, store, screen),
    ...meant.flatMap((one) => treatment(config, one, "·", screen).concat(`    It is left out. ${one.advice ?? ""}`)),
    "",
    style.paint(
      "quiet",
      `  Left out, and not in the file: ${others.map(({ provider }) => provider).join(", ") || "no provider"}`
    )
  ]
}

/** The same as data. */
export const toJson = (
  config: LlmConfig.LlmConfig,
  { embeddings, store, treated }: Found
) => ({
  ok: true,
  providers: treated.map(providerToJson),
  embeddings: EmbeddingWords.toJson(config, embeddings),
  prices: config.prices ?? null,
  budgets: (config.budgets ?? []).map(({ by, limit, name, when_spent, window }) => ({
    name: name ?? by ?? "all",
    by: by ?? null,
    limit,
    windowMillis: Duration.toMillis(window),
    whenSpent: when_spent ?? "fail"
  })),
  store: StoreWords.toJson(config, store)
})

const providerToJson = (one: Treated) => ({
  provider: one.provider,
  server: one.server,
  pool: one.pool,
  location: one.location,
  chosen: one.chosen,
  because: one.because,
  advice: one.advice,
  policy: PolicyWords.toJson(one.policy),
  firstContentMillis: millis(one.firstContent),
  betweenChunksMillis: millis(one.betweenChunks),
  cooldownMillis: millis(one.cooldown),
  hedge: one.hedge === undefined ? null : {
    after: "quantile" in one.hedge.after ? one.hedge.after : millis(one.hedge.after),
    max: one.hedge.max
  },
  repairs: one.repairs,
  parameters: one.parameters
})

const millis = (duration: Duration.Duration | undefined): number | null =>
  duration === undefined ? null : Duration.toMillis(duration)
