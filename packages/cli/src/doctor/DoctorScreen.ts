/** What a person sees of a diagnosis: pure functions to lines of text. */
import { plural } from "@holdfast/core/Arguments"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import { whileAway } from "../check/StoreWords.ts"
import { wrapped } from "../terminal/paragraph.ts"
import type { Screen, Style } from "../terminal/style.ts"
import type { Diagnosis, Network, ProviderDiagnosis } from "./Diagnosis.ts"
import * as ModelList from "./ModelList.ts"
import type { StoreDiagnosis } from "./StoreDiagnosis.ts"

const mark = ({ check, chosen }: ProviderDiagnosis, style: Style): string =>
  !chosen
    ? style.paint("quiet", "·")
    : check._tag === "Ready"
    ? style.paint("good", "✓")
    : style.paint("bad", "✗")

const abilities = ({ capabilities, models, version }: ProviderDiagnosis): string => {
  const can = capabilities === undefined
    ? []
    : [
      capabilities.tools ? "tools" : undefined,
      capabilities.images ? "images" : undefined,
      capabilities.structuredOutput ? "structured output" : undefined
    ].filter((word) => word !== undefined)
  return [
    version === undefined ? undefined : `version ${version}`,
    // A cloud does not say what its model can do; a request finds out.
    can.length === 0 ? undefined : `${version === undefined ? "taken to do" : "does"} ${can.join(", ")}`,
    capabilities?.contextWindow === undefined
      ? undefined
      : `a context of up to ${plural(capabilities.contextWindow, "token")}`,
    models === undefined || models.length === 0 ? undefined : `has ${ModelList.some(models)}`
  ].filter((words) => words !== undefined).join("; ")
}

const checkWords = ({ check }: ProviderDiagnosis): string => {
  switch (check._tag) {
    case "Ready":
      return `answers in ${Math.max(1, Math.round(check.millis))} ms`
    case "Failed":
    case "NotChecked":
      return check.because
  }
}

const provider = (
  diagnosis: ProviderDiagnosis,
  place: string,
  { style, width }: Screen
): ReadonlyArray<string> => {
  const { because, chosen, location, model, provider } = diagnosis
  const name = model === undefined ? provider : `${provider}/${model}`
  const head = wrapped(
    because,
    width,
    `  ${place} ${mark(diagnosis, style)} ${style.paint("strong", name.padEnd(24))} ${location.padEnd(5)}  `
  )
  if (!chosen) {
    const { check } = diagnosis
    const there = check._tag === "Ready"
      ? [`      ${style.paint("good", `It is there, and ${checkWords(diagnosis)}: ${abilities(diagnosis)}`)}`]
      : check._tag === "Failed"
      ? [`      ${style.paint("quiet", check.because)}`]
      : []
    return [...head, ...there, `      ${style.paint("quiet", diagnosis.advice ?? "")}`]
  }
  const does = abilities(diagnosis)
  return [
    ...head,
    `      ${style.paint(diagnosis.check._tag === "Ready" ? "good" : "bad", checkWords(diagnosis))}`,
    ...(does === "" ? [] : [`      ${style.paint("quiet", does)}`])
  ]
}

const networkWords = (network: Network): string => {
  switch (network._tag) {
    case "NotChecked":
      return "not probed, and taken for online: set CONNECTIVITY_CHECK_URL to have it probed"
    case "Online":
      return `online: ${network.url} answers in ${Math.max(1, Math.round(network.millis))} ms`
    case "Offline":
      return `offline: ${network.url} does not answer, so no cloud is asked`
  }
}

const storeWords = (store: StoreDiagnosis): ReadonlyArray<string> => {
  switch (store._tag) {
    case "None":
      return []
    case "Ready": {
      const { cluster, millis, server, timeout, tls, url, version } = store
      const name = `${server === "valkey" ? "Valkey" : "Redis"}${version === undefined ? "" : ` ${version}`}`
      return [
        `${name}${cluster ? ", a cluster," : ""} at ${url}${tls ? ", over TLS," : ""} makes a step in ` +
        `${Math.max(1, Math.round(millis))} ms, and a chain waits ${timeout} ms for one.`,
        whileAway
      ]
    }
    case "Failed":
      return store.url === undefined
        ? [store.because]
        : [`${store.url} is away: ${store.because}`, whileAway]
  }
}

const storeLines = ({ store }: Diagnosis, { style, width }: Screen): ReadonlyArray<string> => {
  const [first, ...rest] = storeWords(store)
  if (first === undefined) return []
  return [
    style.paint("title", "The store of the fleet"),
    ...wrapped(first, width - 2).map((line) => `  ${style.paint(store._tag === "Ready" ? "good" : "bad", line)}`),
    ...rest.flatMap((text) => wrapped(text, width - 2)).map((line) => `  ${style.paint("quiet", line)}`),
    ""
  ]
}

const embeddingLines = ({ embeddings }: Diagnosis, { style, width }: Screen): ReadonlyArray<string> =>
  embeddings.length === 0 ? [] : [
    style.paint("title", "Embeddings, in this order"),
    ...embeddings.flatMap(({ advice, because, check, chosen, location, model, name }, i) => {
      const mark = !chosen
        ? style.paint("quiet", "·")
        : check._tag === "Ready"
        ? style.paint("good", "✓")
        : style.paint("bad", "✗")
      const called = (model === undefined ? name : `${name}/${model}`).padEnd(24)
      const words = check._tag === "Ready"
        ? `gives vectors of ${plural(check.dimensions, "number")} in ${Math.max(1, Math.round(check.millis))} ms`
        : chosen
        ? check.because
        : advice ?? ""
      return [
        ...wrapped(because, width, `  ${i + 1} ${mark} ${style.paint("strong", called)} ${location.padEnd(5)}  `),
        ...wrapped(words, width, "      ")
      ]
    }),
    ""
  ]

const verdict = ({ order, providers, refused }: Diagnosis): string => {
  if (refused !== undefined) return `No provider is asked, because the settings are invalid: ${refused}`
  const [first, ...rest] = order
  if (first !== undefined) {
    return rest.length === 0
      ? `A question goes to ${first} alone.`
      : `A question goes to ${first}; if that fails, to ${rest.join(", then to ")}.`
  }
  return providers.some(({ chosen }) => chosen)
    ? "No provider would answer a question now. Fix one of those above."
    : "No provider is configured. For one of those above, do what its last line says."
}

const settings = (diagnosis: Diagnosis, { style, width }: Screen): ReadonlyArray<string> => {
  const { settings } = diagnosis
  // Other providers without any setting are listed with their variables above.
  const others = unsetPresets(diagnosis)
  const listed = Object.values(ProviderChain.servers).filter((server) => !others.includes(server))
  const isListed = (name: string) =>
    listed.some((server) => isOneOf(name, server)) || !others.some((server) => isOneOf(name, server))
  const missing = new Set(settings.flatMap(({ name, state }) => state === "not set" && isListed(name) ? [name] : []))
  return [
    ...settings.filter(({ state }) => state !== "not set").map(({ name, state, value }) =>
      `  ${name.padEnd(24)} ${value ?? state}`
    ),
    ...wrapped(`not set: ${[...missing].join(", ")}`, width - 2).map((line) => `  ${style.paint("quiet", line)}`)
  ]
}

/** The providers that are listed one by one, whatever is set. */
const usual: ReadonlySet<string> = new Set(["openai", "anthropic", "ollama"])

/** Providers without any setting: they are many, so one line lists them. */
const unsetPresets = ({ providers, settings }: Diagnosis) =>
  Object.values(ProviderChain.servers).filter((server) =>
    !usual.has(server.name) && providers.some(({ chosen, provider }) => provider === server.name && !chosen) &&
    settings.every((setting) => setting.state === "not set" || !isOneOf(setting.name, server))
  )

const isOneOf = (setting: string, { variables: { address, key, model, others } }: ProviderChain.Server): boolean =>
  [address, key, model, others.key, others.address].includes(setting)

const unsetWords = (unset: ReturnType<typeof unsetPresets>, style: Style): ReadonlyArray<string> => {
  if (unset.length === 0) return []
  const variables = unset.map(({ name, settings: [first] }) => `${name} (${first})`)
  return [
    `    ${style.paint("quiet", "·")} ${style.paint("strong", plural(unset.length, "other provider"))}  not configured`,
    `      ${style.paint("quiet", `To use one, set its variable: ${variables.join(", ")}`)}`
  ]
}

/** The whole report. */
export const report = (diagnosis: Diagnosis, screen: Screen): ReadonlyArray<string> => {
  const { style } = screen
  const title = (text: string) => style.paint("title", text)
  const chosen = diagnosis.providers.filter(({ chosen }) => chosen)
  const unset = unsetPresets(diagnosis)
  const left = diagnosis.providers.filter(({ chosen, provider }) =>
    !chosen && !unset.some(({ name }) => name === provider)
  )
  return [
    ...(chosen.length === 0 ? [] : [
      title("Providers that are asked, in this order"),
      ...chosen.flatMap((one, index) => provider(one, `${index + 1}`, screen)),
      ""
    ]),
    ...(left.length + unset.length === 0 ? [] : [
      title("Providers that are left out, and why"),
      ...left.flatMap((one) => provider(one, " ", screen)),
      ...unsetWords(unset, style),
      ""
    ]),
    title("Network"),
    `  ${networkWords(diagnosis.network)}`,
    "",
    ...embeddingLines(diagnosis, screen),
    ...storeLines(diagnosis, screen),
    title("Settings"),
    ...settings(diagnosis, screen),
    "",
    style.paint(diagnosis.usable ? "good" : "bad", verdict(diagnosis))
  ]
}

/** The line that is drawn over and over while checks run, within the width of the screen. */
export const waiting = (open: ReadonlySet<string>, { style, width }: Pick<Screen, "style" | "width">): string => {
  const words = `Asking ${[...open].join(", ")} ...`
  return style.paint("quiet", words.length < width ? words : `${words.slice(0, width - 5)} ...`)
}
