/** What a chain in a file means, with the environment: who is asked, and by which policy each. */
import type * as LlmConfig from "@holdfast/llm/LlmConfig"
import type * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Duration from "effect/Duration"
import type * as Screen from "../demo/Screen.ts"
import * as PolicyWords from "./PolicyWords.ts"

type Treated = ProviderChain.Treated

const within = (duration: Duration.Duration | undefined): string =>
  duration === undefined ? "any time" : `at most ${Duration.format(duration)}`

const rest = ({ betweenChunks, cooldown, firstContent, policy: { attempts } }: Treated): ReadonlyArray<string> => [
  `It is asked ${attempts === 1 ? "once" : `at most ${attempts} times`}. A stream takes ${
    within(firstContent)
  } to its ` +
  `first content, and ${within(betweenChunks)} between two pieces.`,
  Duration.isZero(cooldown)
    ? "It is asked again at once when it had to be given up."
    : `It is left alone for ${Duration.format(cooldown)} when it had to be given up.`
]

const treatment = (treated: Treated, place: string, style: Screen.Style): ReadonlyArray<string> => [
  "",
  `  ${place} ${style.paint("title", treated.provider)}  ${style.paint("quiet", treated.because)}`,
  ...treated.policy.parts.map(({ part, text }) => `    ${style.paint("strong", part.padEnd(15))} ${text}`),
  ...rest(treated).map((line) => `    ${line}`)
]

/** Whether the file names it. */
const isMeant = (
  { base_urls, models, provider_priority, providers }: LlmConfig.LlmConfig,
  { provider }: Treated
): boolean =>
  provider_priority?.includes(provider) === true ||
  [base_urls, models, providers].some((part) => part?.[provider] !== undefined)

/** The whole of it. */
export const lines = (
  place: string,
  config: LlmConfig.LlmConfig,
  treated: ReadonlyArray<Treated>,
  style: Screen.Style
): ReadonlyArray<string> => {
  const chosen = treated.filter(({ chosen }) => chosen)
  const meant = treated.filter((one) => !one.chosen && isMeant(config, one))
  const others = treated.filter((one) => !one.chosen && !meant.includes(one))
  return [
    `${style.paint("good", "✓")} ${place} ${style.paint("quiet", "is a chain that can be")}`,
    ...(chosen.length === 0
      ? ["", "  With this environment nobody is asked: `holdfast doctor` says what to set."]
      : []),
    ...chosen.flatMap((one, index) => treatment(one, `${index + 1}`, style)),
    ...meant.flatMap((one) => treatment(one, "·", style).concat(`    It is left out. ${one.advice ?? ""}`)),
    "",
    style.paint(
      "quiet",
      `  Left out, and not in the file: ${others.map(({ provider }) => provider).join(", ") || "nobody"}`
    )
  ]
}

/** The same of one provider, as data. */
export const toJson = (one: Treated) => ({
  provider: one.provider,
  location: one.location,
  chosen: one.chosen,
  because: one.because,
  advice: one.advice,
  policy: PolicyWords.toJson(one.policy),
  firstContentMillis: millis(one.firstContent),
  betweenChunksMillis: millis(one.betweenChunks),
  cooldownMillis: millis(one.cooldown)
})

const millis = (duration: Duration.Duration | undefined): number | null =>
  duration === undefined ? null : Duration.toMillis(duration)
