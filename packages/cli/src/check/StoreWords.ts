/** What the store of a fleet in a file means, with the environment. */
import type * as ChainStore from "@holdfast/llm/ChainStore"
import type * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as Duration from "effect/Duration"
import { wrapped } from "../terminal/paragraph.ts"
import type { Screen } from "../terminal/style.ts"

/** What becomes of requests while the store is away. */
export const whileAway =
  "While it is away, each process goes on alone, with its share of limits and budgets, and no request fails for it."

/** The name of a chain in its store. */
const nameOf = ({ store }: LlmConfig.LlmConfig): string => store?.name ?? "llm"

/** The store, in words. */
export const lines = (
  config: LlmConfig.LlmConfig,
  settings: ChainStore.Settings | undefined,
  { style, width }: Screen
): ReadonlyArray<string> => {
  if (settings === undefined) return []
  const { ca, caVariable, cluster, password, passwordVariable, prefix, shown, timeout, tls, variable } = settings
  const line = (head: string, text: string) => wrapped(text, width, `    ${style.paint("strong", head.padEnd(15))} `)
  const kind = `${cluster ? "a cluster" : "a Redis or Valkey"}${tls ? ", over TLS" : ""}`
  return [
    "",
    `  ${style.paint("title", "fleet")}`,
    ...line(
      "store",
      shown === undefined
        ? `${kind} at the URL in ${variable}, which is not set: the chain does not start until it is`
        : `${kind} at ${shown}, from ${variable}${
          password === undefined ? "" : `, with the password in ${passwordVariable}`
        }`
    ),
    ...(caVariable === undefined ? [] : line(
      "trusted",
      ca === undefined
        ? `the certificate in ${caVariable}, which is not set: the chain does not start until it is`
        : `the certificate in ${caVariable}`
    )),
    ...line(
      "shared",
      `cool-downs, probes, limits and budgets, by all chains named "${nameOf(config)}" under the keys ${prefix}*`
    ),
    ...line("away", `a step waits ${Duration.format(timeout)} at most. ${whileAway}`)
  ]
}

/** The same as data. */
export const toJson = (config: LlmConfig.LlmConfig, settings: ChainStore.Settings | undefined) =>
  settings === undefined ? null : {
    name: nameOf(config),
    variable: settings.variable,
    isSet: settings.shown !== undefined,
    certificate: settings.caVariable ?? null,
    isCertificateSet: settings.ca !== undefined,
    url: settings.shown ?? null,
    cluster: settings.cluster,
    tls: settings.tls,
    prefix: settings.prefix,
    timeoutMillis: Duration.toMillis(settings.timeout)
  }
