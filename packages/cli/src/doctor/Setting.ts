/** The environment variables that decide who is asked, and how each was found. */
import * as Address from "@holdfast/llm/Address"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** One variable. */
export interface Setting {
  readonly name: string
  readonly state: "set" | "blank" | "not set"
  /** What it is set to; `undefined` for a secret, whatever it is. */
  readonly value: string | undefined
}

type Kind = "secret" | "address" | "text"

type Row = readonly [name: string, kind: Kind]

const variablesOf = ({ variables: { address, key, model, others } }: ProviderChain.Server): ReadonlyArray<Row> => [
  ...[key, others.key].flatMap((name): ReadonlyArray<Row> => name === undefined ? [] : [[name, "secret"]]),
  [model, "text"],
  ...[address, others.address].flatMap((name): ReadonlyArray<Row> => name === undefined ? [] : [[name, "address"]])
]

const kinds: ReadonlyArray<Row> = [
  ...Object.values(ProviderChain.servers).flatMap(variablesOf),
  ["PROVIDER_PRIORITY", "text"],
  ["CONNECTIVITY_CHECK_URL", "address"],
  ["CONNECTIVITY_TIMEOUT_MS", "text"],
  ["LLM_RETRY_ATTEMPTS", "text"],
  ["LLM_RETRY_MIN_WAIT", "text"],
  ["LLM_RETRY_MAX_WAIT", "text"],
  ["LLM_RETRY_MULTIPLIER", "text"],
  ["LLM_MAX_TOOL_ITERATIONS", "text"],
  ["LLM_STORE_URL", "address"],
  ["LLM_STORE_PASSWORD", "secret"],
  ["LLM_STORE_CA", "secret"],
  ["HTTP_PROXY", "address"],
  ["HTTPS_PROXY", "address"],
  ["NO_PROXY", "text"]
]

const shown = (value: string, kind: Kind): string | undefined =>
  kind === "secret" ? undefined : kind === "address" ? Address.show(value) : value.trim()

// A codec of its own for each variable would take most of the time that they take to read.
const text = Config.Redacted()

/** Variables of proxies may be in lower case, which counts first. */
const either = (name: string) =>
  name.endsWith("_PROXY")
    ? Config.orElse(Config.nested(text, name.toLowerCase()), () => Config.nested(text, name))
    : Config.nested(text, name)

const setting = ([name, kind]: Row) =>
  Effect.map(Config.option(either(name)), (found): Setting => {
    if (Option.isNone(found)) return { name, state: "not set", value: undefined }
    const value = Redacted.value(found.value)
    return value.trim() === ""
      ? { name, state: "blank", value: undefined }
      : { name, state: "set", value: shown(value, kind) }
  })

/** The variables that a file names: the keys of its pools, and what its store is reached by. */
const namedBy = ({ pools = {}, store }: LlmConfig.LlmConfig): ReadonlyArray<Row> => {
  const known = new Set(kinds.map(([name]) => name))
  const { password, url } = store?.redis ?? {}
  const named: ReadonlyArray<Row> = [
    ...Object.values(pools).flatMap(({ members }) =>
      members.flatMap(({ key }): ReadonlyArray<Row> => key === undefined ? [] : [[key, "secret"]])
    ),
    // A URL of which all is hidden says no less than its variable does.
    ...[url, password].flatMap((name): ReadonlyArray<Row> => name === undefined ? [] : [[name, "secret"]])
  ]
  return named.filter(([name], i) => !known.has(name) && named.findIndex(([other]) => other === name) === i)
}

/** All variables, as they are found. */
export const all: Effect.Effect<ReadonlyArray<Setting>, Config.ConfigError> = Effect.gen(function*() {
  return yield* Effect.forEach([...namedBy(yield* LlmConfig.Current), ...kinds], setting)
})
