/**
 * Holds the defaults that doc comments name ("Default: 3.") to those of the code. `npm run docs` writes them; a test fails
 * where one is out of date. So another default is one change of code.
 */
import * as Duration from "effect/Duration"
import { readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { defaults as backoff } from "../packages/core/src/internal/backoffOptions.ts"
import { defaults as breaker } from "../packages/core/src/internal/breaker/options.ts"
import { defaults as budget } from "../packages/core/src/internal/budget/options.ts"
import { defaults as bulkhead } from "../packages/core/src/internal/bulkhead/options.ts"
import { defaults as hedge } from "../packages/core/src/internal/hedge/options.ts"
import { defaults as rateLimit } from "../packages/core/src/internal/rateLimit/options.ts"
import { defaults as retry } from "../packages/core/src/internal/retry/options.ts"
import { defaults as transport } from "../packages/http/src/internal/undici/transportOptions.ts"

import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaEmbedding from "@holdfast/llm/OllamaEmbedding"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as chain from "../packages/llm/src/internal/compile/defaults.ts"

type Defaults = Readonly<Record<string, unknown>>

const packages = join(dirname(import.meta.dirname), "packages")

const read = (file: string): string => readFileSync(join(packages, file), "utf8")

/** The value of a literal in code; `undefined` for other code. */
export const literal = (text: string): unknown => {
  const plain = text.trim().replace(/ as const$/u, "")
  if (/^-?[\d_.]+$/u.test(plain)) return Number(plain.replaceAll("_", ""))
  if (plain === "true" || plain === "false") return plain === "true"
  const [, string] = /^"([^"]*)"$/u.exec(plain) ?? []
  const [, millis] = /^Sampler\.constant\(([\d_]+)\)$/u.exec(plain) ?? []
  return millis === undefined ? string : Number(millis.replaceAll("_", ""))
}

/** Defaults that stand in a check, `name: optional(check, value)`, from a line on to the end of its declaration. */
export const inChecks = (text: string, from: string): Defaults => {
  const start = text.indexOf(from)
  if (start === -1) throw new Error(`there is no "${from}"`)
  const end = text.indexOf("\n\n", start)
  return Object.fromEntries(
    Array.from(
      text.slice(start, end === -1 ? undefined : end).matchAll(
        /(\w+): (?:Arguments\.)?optional\((.*), ([^,]+?)\)[,\s})]*$/gmu
      ),
      (
        [, name = "", check = "", value = ""]
      ) => [name, check.split("(").length === check.split(")").length ? literal(value) : undefined]
    )
  )
}

/** A default that stands where its option is read: `sizes.batchSize ?? 256`, or a constant of a name. */
const inCode = (file: string, option: string): Defaults => {
  const [, value = ""] = new RegExp(`\\b${option}(?: \\?\\?| =) ([^\\s,;)]+)`, "u").exec(read(file)) ?? []
  return { [option]: literal(value) }
}

const check = "simulator/src/internal/model/check.ts"
const event = "simulator/src/internal/model/checkEvents.ts"
const at = (file: string, from: string): Defaults => inChecks(read(file), from)

/** The doc comments that name defaults, and the defaults: those of an interface, or of the options that a comment lists. */
export const documented: ReadonlyArray<readonly [file: string, owner: string, defaults: Defaults]> = [
  ["core/src/Retry.ts", "interface Options", retry],
  ["core/src/RetryBudget.ts", "interface Options", budget],
  ["core/src/RetryBudget.ts", "interface SharedOptions", budget],
  ["core/src/internal/bulkhead/shape.ts", "interface CommonOptions", bulkhead],
  ["core/src/internal/bulkhead/shape.ts", "interface AdaptiveOptions", bulkhead],
  // Without a name a limit is not shared, though it is shown by one.
  ["core/src/internal/rateLimit/shape.ts", "interface Options", { ...rateLimit, name: undefined }],
  ["core/src/internal/breaker/shape.ts", "interface Options", breaker],
  ["core/src/internal/breaker/shape.ts", "interface SharedOptions", breaker],
  ["core/src/Hedge.ts", "interface Options", hedge],
  // `max` is the number of hedges there, and the longest delay here.
  ["core/src/Hedge.ts", "const quantile", { ...hedge, max: Infinity }],
  ["core/src/Backoff.ts", "const linear", backoff],
  ["core/src/Backoff.ts", "const exponential", backoff],
  ["core/src/Backoff.ts", "const decorrelated", backoff],
  ["http/src/internal/undici/options.ts", "interface Options", transport],
  // They retry as often as a `Retry` of the core.
  ["http/src/ResumableDownload.ts", "interface Options", { retry: retry.times }],
  ["http/src/internal/policyOptions.ts", "interface Parts", { retry: retry.times }],
  ["llm/src/Connectivity.ts", "interface Options", at("llm/src/Connectivity.ts", "const probeOptions")],
  ["llm/src/internal/usage/ledger.ts", "interface Options", at("llm/src/internal/usage/ledger.ts", "const checks")],
  ["llm/src/Pool.ts", "interface Options", at("llm/src/Pool.ts", "const optionsCheck")],
  ["llm/src/ChatService.ts", "interface Options", {
    maxToolIterations: inCode("llm/src/ChatService.ts", "defaultMaxToolIterations")["defaultMaxToolIterations"]
  }],
  ["llm/src/OllamaEmbedding.ts", "interface Options", inCode("llm/src/OllamaEmbedding.ts", "batchSize")],
  ["llm/src/AnthropicProvider.ts", "interface Options", {
    ...inCode("llm/src/AnthropicProvider.ts", "maxTokens"),
    model: AnthropicProvider.defaultModel
  }],
  ["llm/src/GeminiProvider.ts", "interface Options", { model: GeminiProvider.defaultModel }],
  ["llm/src/OllamaProvider.ts", "interface Options", { model: OllamaProvider.defaultModel }],
  ["llm/src/OllamaEmbedding.ts", "interface Options", { model: OllamaEmbedding.defaultModel }],
  ["llm/src/internal/compile/options.ts", "interface RetryOptions", {
    times: chain.patience.cloud.times,
    maxRetryAfter: chain.maxRetryAfter
  }],
  ["llm/src/internal/compile/options.ts", "interface Timeouts", {
    ...chain.timeouts.cloud,
    locally: chain.timeouts.local
  }],
  ["llm/src/internal/compile/options.ts", "interface Treatment", { cooldown: chain.cooldown }],
  ["simulator/src/Simulation.ts", "interface Options", at("simulator/src/Simulation.ts", "seed: Arguments.optional")],
  ["simulator/src/Limits.ts", "interface Options", at("simulator/src/Limits.ts", "precision: Arguments.optional")],
  ["simulator/src/System.ts", "interface Call", at(check, "const callFields")],
  ["simulator/src/System.ts", "interface Cache", at(check, "const callFields")],
  ["simulator/src/System.ts", "interface Service", at(check, "const serviceOf")],
  ["simulator/src/System.ts", "interface Caller", at(check, "const callerOf")],
  ["simulator/src/Event.ts", "interface Outage", at(event, "outage: ")],
  ["simulator/src/Event.ts", "interface BrownOut", at(event, "brownOut: ")],
  ["simulator/src/Event.ts", "interface SlowNode", at(event, "slowNode: ")],
  ["simulator/src/Event.ts", "interface Deploy", at(event, "deploy: ")]
]

/** A default as a comment writes it: text in backticks, a duration with or without them, a number, or words. */
export const parse = (comment: string): unknown => {
  const words = comment.replaceAll(/\s*\n *\* ?/gu, " ")
  const [, text] = /^`"([^"]*)"`/u.exec(words) ?? []
  if (text !== undefined) return text
  const [span] = /^[\d.,]+ (?:milli|second|minute|hour|day)s?\b/u.exec(words) ?? []
  if (span !== undefined) return span
  const [number] = /^\d[\d,]*(?:\.\d+)?/u.exec(words) ?? []
  if (number !== undefined) return Number(number.replaceAll(",", ""))
  const [, flag] = /^`?(true|false)\b/u.exec(words) ?? []
  if (flag !== undefined) return flag === "true"
  if (/^zero\b/u.test(words)) return 0
  return /^(?:no limit|no bound|any time|`Infinity`)/u.test(words) ? Infinity : undefined
}

const millisOf = (text: string): number | undefined =>
  /^[\d.,]+ \w+$/u.test(text) ? Duration.toMillis(Duration.fromInputUnsafe(text as Duration.Input)) : undefined

export const isSame = (said: unknown, value: unknown): boolean =>
  said === value || (typeof said === "string" && millisOf(said) === value)

/** The unit that makes the least number of at least one. */
const spell = (millis: number): string => {
  const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1_000], ["milli", 1]] as const
  const [name, size] = units.find(([, size]) => millis >= size && millis % size === 0) ?? ["milli", 1]
  return `${millis / size} ${name}${millis === size && name !== "milli" ? "" : "s"}`
}

/** A value in the style of what the comment says now. */
const written = (said: unknown, value: unknown, quoted: boolean): string => {
  const text = typeof said === "string" && typeof value === "number" ? spell(value) : value
  if (typeof text === "string") return quoted ? `\`"${text}"\`` : text
  return typeof value === "number" && value !== Infinity ? value.toLocaleString("en") : `\`${String(value)}\``
}

interface Said {
  readonly option: string
  readonly words: string
  /** Where the words are in the text. */
  readonly index: number
}

/** What the comments of an interface, or the list of a function's comment, say of the defaults. */
export const saidIn = (text: string, owner: string): ReadonlyArray<Said> => {
  const [kind, name] = owner.split(" ")
  const start = text.search(new RegExp(`^export (?:declare )?${kind} ${name}\\b`, "mu"))
  if (start === -1) throw new Error(`there is no ${owner}`)
  const isInterface = kind === "interface"
  const from = isInterface ? start : text.lastIndexOf("/**", start)
  const part = text.slice(from, isInterface ? text.indexOf("\n}", start) : start)
  const pattern = isInterface
    ? /\/\*\*((?:(?!\*\/)[^])*?)\*\/\s*readonly (\w+)\??:/gu
    : /^ \* - `(\w+)`:((?:(?!\n \* -|\n \*\n)[^])*)/gmu
  return Array.from(part.matchAll(pattern)).flatMap((found) => {
    const [comment = "", option = ""] = isInterface ? [found[1], found[2]] : [found[2], found[1]]
    const inner = found.index + found[0].indexOf(comment)
    return Array.from(comment.matchAll(/Default:(?:\s*\n *\*)?\s*/gu), ({ 0: before, index }) => ({
      option,
      words: comment.slice(index + before.length),
      index: from + inner + index + before.length
    })).slice(-1)
  })
}

/** The defaults that a file's comments say wrongly, with the text as it should be. */
export const corrected = (
  text: string,
  owner: string,
  defaults: Defaults
): { readonly text: string; readonly wrong: ReadonlyArray<string> } => {
  const wrong: Array<string> = []
  let result = text
  for (const { index, option, words } of saidIn(text, owner).toReversed()) {
    const value = defaults[option]
    const said = parse(words)
    const locally = Object(defaults["locally"])[option]
    if (locally !== undefined && !words.includes(`locally ${locally}`) && locally !== value) {
      wrong.push(`${option}: the code has ${locally} locally, the comment says ${words.split("\n")[0]}`)
    }
    if (value === undefined || isSame(said, value)) continue
    wrong.push(`${option}: the code has ${String(value)}, the comment says ${words.split("\n")[0]}`)
    const [now] = /^(?:`[^`]*`|[\d.,]*\d(?:(?:\s*\n *\*)? (?:milli|second|minute|hour|day)s?\b)?|\w+)/u.exec(words) ??
      [""]
    result = result.slice(0, index) + written(said, value, words.startsWith("`")) + result.slice(index + now.length)
  }
  return { text: result, wrong }
}

/** Every wrong comment, by file. */
export const wrong = (): ReadonlyArray<string> =>
  documented.flatMap(([file, owner, defaults]) =>
    corrected(read(file), owner, defaults).wrong.map((fault) => `${file} ${owner}: ${fault}`)
  )

/** How many comments are held to the code. */
export const held = (): number =>
  documented.reduce(
    (sum, [file, owner, defaults]) =>
      sum + saidIn(read(file), owner).filter(({ option }) => defaults[option] !== undefined).length,
    0
  )

if (import.meta.main) {
  for (const fault of wrong()) process.stdout.write(`${fault}\n`)
  for (const [file, owner, defaults] of documented) {
    writeFileSync(join(packages, file), corrected(read(file), owner, defaults).text)
  }
}
