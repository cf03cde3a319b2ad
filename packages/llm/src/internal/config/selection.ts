/**
 * Which of the known providers the settings choose, in which order, and why the others are left out.
 *
 * Guarded by `test/config/selection.test.ts` and `test/LlmConfig.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as LlmConfig from "../../LlmConfig.ts"
import type { Location } from "../../Provider.ts"
import type { NamedMember } from "./data/pools.ts"
import { membersOf } from "./data/pools.ts"
import * as Setting from "./environment.ts"
import type { Name } from "./registry.ts"
import { names, servers } from "./registry.ts"

/** One provider that the settings could describe, or a member of a pool: whether it is asked, and why. */
export interface Choice {
  /** Its name in a chain: that of its server, or of the member. */
  readonly provider: string
  /** What it asks. */
  readonly server: Name
  /** The pool that it is a member of, if any. */
  readonly pool: string | undefined
  readonly location: Location
  readonly chosen: boolean
  /** Why: `"OPENAI_API_KEY is set"`. Never holds a value that is secret. */
  readonly because: string
  /** What to set to have it chosen; `undefined` if it is. */
  readonly advice: string | undefined
}

/** Whether a setting is set. A blank one, as in many `.env` files, is not, but may be a mistake. */
type Presence = "set" | "blank" | "missing"

/** What the choice depends on. */
export interface Facts {
  /** The names of `PROVIDER_PRIORITY`, in order; `undefined` when it is not set. */
  readonly priority: ReadonlyArray<string> | undefined
  readonly settings: Readonly<Record<string, Presence>>
  /** The members of the file's pools. */
  readonly members: ReadonlyArray<NamedMember>
}

/** The providers that the error explains in full if none is configured. The others are listed by name. */
const first: ReadonlySet<Name> = new Set(["openai", "anthropic", "ollama"])

const isName = (name: string): name is Name => Object.hasOwn(servers, name)

/** Adds an unconfigured Ollama as the last resort for when the cloud fails. */
const alongside = (choice: Choice): Choice => {
  if (choice.chosen) return choice
  return { ...choice, chosen: true, because: "another provider may fail, and it needs no key", advice: undefined }
}

/** What a file says of a member. */
interface Asked extends Pick<NamedMember, "name"> {
  readonly pool: string | undefined
  readonly data: Pick<NamedMember["data"], "provider" | "key" | "model" | "base_url">
}

/** Whether a member of a pool, or of a chain of embeddings, can be asked: its variable has a key, or its server needs none. */
export const memberChoice = ({ data, name, pool }: Asked, settings: Facts["settings"]): Choice => {
  const { advice, location, settings: needs, variables } = servers[data.provider]
  const choice = { provider: name, server: data.provider, pool, location }
  const said = data.key === undefined ? needs : [data.key]
  const set = said.find((setting) => settings[setting] === "set")
  if (set !== undefined) return { ...choice, chosen: true, because: `${set} is set`, advice: undefined }
  // What describes the server otherwise, such as a model of Bedrock's, may be said in the file.
  const isDescribed = data.base_url !== undefined || variables.key === undefined || location === "local" ||
    (data.model !== undefined && needs.includes(variables.model))
  if (data.key === undefined && isDescribed) {
    return {
      ...choice,
      chosen: true,
      because: pool === undefined ? "llm.embeddings has it" : `the pool "${pool}" has it`,
      advice: undefined
    }
  }
  const blank = said.find((setting) => settings[setting] === "blank")
  const because = blank !== undefined
    ? `${blank} is blank`
    : said.length === 1
    ? `${said[0]} is not set`
    : `neither ${said.join(" nor ")} is set`
  return {
    ...choice,
    chosen: false,
    because,
    advice: data.key === undefined ? advice : `Set ${data.key} to the key of this member`
  }
}

/** Says of each known provider whether it is asked: the chosen ones first, in their order. */
export const choose = ({ members, priority, settings }: Facts): ReadonlyArray<Choice> => {
  const described = (name: Name): Pick<Choice, "chosen" | "because" | "advice"> => {
    const { advice, isReady, settings: needs } = servers[name]
    const set = needs.find((setting) => settings[setting] === "set")
    if (set !== undefined) return { chosen: true, because: `${set} is set`, advice: undefined }
    const isEnough = typeof isReady === "string" ? settings[isReady] === "set" : isReady
    if (isEnough && priority !== undefined) {
      return { chosen: true, because: "the priority names it", advice: undefined }
    }
    const blank = needs.find((setting) => settings[setting] === "blank")
    const because = blank === undefined ? `neither ${needs.join(" nor ")} is set` : `${blank} is blank`
    return { chosen: false, because, advice }
  }
  const choice = (name: Name): Choice => ({
    provider: name,
    server: name,
    pool: undefined,
    location: servers[name].location,
    ...described(name)
  })
  const left = ({ location, pool, provider, server }: Choice): Choice => ({
    provider,
    server,
    pool,
    location,
    chosen: false,
    because: `the priority does not name ${pool === undefined ? "it" : "its pool"}`,
    advice: `Add ${pool ?? provider} to PROVIDER_PRIORITY`
  })
  const pools = [...new Set(members.map(({ pool }) => pool))]
  const of = (name: string): ReadonlyArray<Choice> =>
    isName(name)
      ? [choice(name)]
      : members.filter(({ pool }) => pool === name).map((member) => memberChoice(member, settings))
  const all: ReadonlyArray<string> = [...pools, ...names]
  const asked = (priority ?? all).flatMap(of)
  const cloud = asked.some((choice) => choice.chosen && choice.location === "cloud")
  const completed = asked.map((choice): Choice => choice.provider === "ollama" && cloud ? alongside(choice) : choice)
  return [
    ...completed.filter((choice) => choice.chosen),
    ...completed.filter((choice) => !choice.chosen),
    ...all.filter((name) => priority !== undefined && !priority.includes(name)).flatMap(of).map(left)
  ]
}

// -----------------------------------------------------------------------------
// Settings
// -----------------------------------------------------------------------------

const readPriority = Effect.fnUntraced(function*(
  pools: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<string> | undefined, Config.ConfigError> {
  const listed = Option.getOrUndefined(yield* Setting.text("PROVIDER_PRIORITY"))
  if (listed === undefined) return undefined
  const wanted = [...new Set(listed.split(",").map((name) => name.trim().toLowerCase()).filter((name) => name !== ""))]
  const unknown = wanted.find((name) => !isName(name) && !pools.includes(name))
  if (unknown !== undefined) {
    const what = pools.length === 0 ? "not a provider" : "neither a provider nor a pool"
    const known = [...pools, ...names]
    const [fault] = Arguments.faults(Arguments.oneOf(...known), unknown)
    const [meant = `. Known are ${known.join(", ")}`] = /: did you mean .*/u.exec(fault?.message ?? "") ?? []
    return yield* Effect.fail(Setting.fail(`PROVIDER_PRIORITY names "${unknown}", which is ${what}${meant}`))
  }
  if (wanted.length === 0) {
    return yield* Effect.fail(
      Setting.fail(`PROVIDER_PRIORITY names no provider. Name some of ${names.join(", ")}, or leave it out`)
    )
  }
  return wanted
})

/** Which of the variables that describe members are set. */
export const presences = Effect.fnUntraced(function*(members: ReadonlyArray<Asked>) {
  const settings: Record<string, Presence> = {}
  for (const { data: { key, provider } } of members) {
    for (const name of key === undefined ? servers[provider].settings : [key]) settings[name] = yield* presence(name)
  }
  return settings
})

/** Read as a secret whatever it is: only whether it is there is of interest. */
const presence = (name: string): Config.Config<Presence> =>
  Config.map(
    Setting.variable(name),
    Option.match({
      onNone: () => "missing",
      onSome: (value) => Redacted.value(value).trim() === "" ? "blank" : "set"
    })
  )

/** What the settings in force say. */
export const facts: Effect.Effect<Facts, Config.ConfigError> = Effect.gen(function*() {
  const settings: Record<string, Presence> = {}
  for (const name of names) {
    const { isReady, settings: needs } = servers[name]
    for (const setting of typeof isReady === "string" ? [...needs, isReady] : needs) {
      settings[setting] = yield* presence(setting)
    }
  }
  const { pools } = yield* LlmConfig.Current
  const members = membersOf(pools)
  for (const { data } of members) if (data.key !== undefined) settings[data.key] = yield* presence(data.key)
  return { priority: yield* readPriority(Object.keys(pools ?? {})), settings, members }
})

/**
 * Lists every provider that the environment can configure, with whether `ProviderChain.layerConfig` asks it, and why; the chosen
 * providers come first, in their order. Sends nothing, makes no provider and holds no secret. Fails with a `ConfigError` if
 * `PROVIDER_PRIORITY` names an unknown provider.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const env = ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-...", ANTHROPIC_API_KEY: " " })
 * const choices = await Effect.runPromise(Effect.provide(ProviderChain.selection, ConfigProvider.layer(env)))
 *
 * choices.filter((choice) => choice.chosen).map((choice) => choice.provider) // => ["openai", "ollama"]
 * choices.find((choice) => choice.provider === "anthropic")?.because // => "ANTHROPIC_API_KEY is blank"
 * ```
 */
export const selection: Effect.Effect<ReadonlyArray<Choice>, Config.ConfigError> = Effect.map(
  facts,
  choose
)

/** Those who may be missed: named, a member of a pool, or given a key that is blank, and yet not asked. */
export const missed = ({ priority, settings }: Facts, choices: ReadonlyArray<Choice>): ReadonlyArray<Choice> =>
  choices.filter(({ chosen, pool, provider, server }) =>
    !chosen &&
    (priority?.includes(pool ?? provider) ??
      (pool !== undefined || servers[server].settings.some((name) => settings[name] === "blank")))
  )

/** The error for when no provider is configured, with what to set. */
export const noneConfigured = (choices: ReadonlyArray<Choice>): Config.ConfigError =>
  Setting.fail(
    [
      "No provider is configured",
      ...choices.filter(({ pool, server }) => pool !== undefined || first.has(server)).map((
        { advice, because, provider }
      ) => `${provider}: ${because}. ${advice ?? ""}`),
      `${names.length - first.size} more providers: run \`holdfast doctor\`, or see ProviderChain.servers`
    ].join(". ")
  )
