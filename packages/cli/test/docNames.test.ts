/**
 * Names in the prose and the tables of the documents, which no compiler reads: `Module.member` is an export, and options are
 * options. A table said `hedge: { delay, idempotent }`, and a hedge has neither.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Arguments from "@holdfast/core/Arguments"
import * as Policy from "@holdfast/core/Policy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import { globSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"

const root = join(import.meta.dirname, "../../..")
const documents = globSync(["README.md", "docs/*.md", "packages/*/README.md", "examples/README.md"], { cwd: root })
  .toSorted()

/** Code within the text of a document: what is between backticks, outside of fences. */
const inlineCode = (file: string): ReadonlyArray<string> =>
  Array.from(
    readFileSync(join(root, file), "utf8").replaceAll(/^```[^]*?^```$/gmu, "").matchAll(/`([^`\n]+)`/gu),
    ([, code = ""]) => code.replaceAll("\\|", "|")
  )

/** The modules of the packages and of Effect by their names, and the types that each exports. */
const modules = new Map<string, { readonly values: object; readonly types: ReadonlySet<string> }>()
const typesOf = (source: string): ReadonlySet<string> =>
  new Set(
    Array.from(
      source.matchAll(/^export (?:declare )?(?:interface|type|class|abstract class) (\w+)/gmu),
      ([, name = ""]) => name
    )
  )

const own = globSync("packages/{core,http,llm,simulator}/src/{,testing/}*.ts", { cwd: root })
const effect = globSync("node_modules/effect/src/{,http/,ai/,testing/,persistence/,observability/}*.ts", { cwd: root })
for (const file of [...effect, ...own]) {
  const name = basename(file, ".ts")
  if (/^[A-Z]/u.test(name)) {
    modules.set(name, {
      values: await import(join(root, file)) as object,
      types: typesOf(readFileSync(join(root, file), "utf8"))
    })
  }
}

/** What stands for a name that a fragment does not define, such as `limit` in `{ limit }`. */
const placeholder: object = new Proxy(() => placeholder, {
  get: (_, key) => key === Symbol.toPrimitive ? () => "" : placeholder
})

/** A module whose functions never throw, but for unknown options. */
const lenient = (values: object): object =>
  new Proxy(values, {
    get: (target, key): unknown => {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== "function") return value
      return (...args: ReadonlyArray<unknown>): unknown => {
        try {
          return Reflect.apply(value, undefined, args)
        } catch (error) {
          if (String(error).includes("is not an option")) throw error
          return placeholder
        }
      }
    }
  })

const scope = new Proxy({}, {
  has: (_, key) => typeof key === "string" && !["undefined", "Infinity"].includes(key),
  get: (_, key) => {
    const found = typeof key === "string" ? modules.get(key) : undefined
    return key === Symbol.unscopables ? undefined : found === undefined ? placeholder : lenient(found.values)
  }
})

const optionKeys =
  /^(?:retry|timeouts|deadline|attemptTimeout|bulkhead|rateLimit|circuitBreaker|hedge|headers|overrides|tls|proxy|cooldown): /u
const ownNames = new Set(own.map((file) => basename(file, ".ts")))

/** An expression as a value; `undefined` if it is not code, as with `...` in it. */
const valueOf = (expression: string): object | undefined => {
  let evaluate: (scope: object) => object
  try {
    evaluate = new Function("scope", `with (scope) { return (${expression}) }`) as (scope: object) => object
  } catch {
    return undefined
  }
  return evaluate(scope)
}

const unknownKeys = (messages: ReadonlyArray<string>) =>
  messages.filter((message) => message.includes("is not an option"))
const faultsOf = (check: Arguments.Check<unknown>) => (options: object) =>
  unknownKeys(Arguments.faults(check, options).map(Arguments.format))
const thrown = (make: () => unknown): ReadonlyArray<string> => {
  try {
    make()
    return []
  } catch (error) {
    return unknownKeys([String(error)])
  }
}

/** What reads options, and the unknown keys that it finds. */
const readers: ReadonlyArray<(options: object) => ReadonlyArray<string>> = [
  faultsOf(Policy.optionsCheck),
  faultsOf(ProviderChain.optionsCheck),
  (options) => thrown(() => UndiciTransport.make(options)),
  (options) => {
    const exit = Effect.runSyncExit(Effect.scoped(
      Effect.provideService(
        ResilientHttpClient.make(options),
        HttpClient.HttpClient,
        HttpClient.make(() => Effect.never)
      )
    ))
    return Exit.isFailure(exit) ? unknownKeys([String(Cause.squash(exit.cause))]) : []
  }
]

describe("names in documents", () => {
  /** Of Effect 3, or of a value and not of its module. */
  const known = new Set(["Context.Tag", "Effect.Service", "AiError.isRetryable"])

  it("are exports of their modules", () => {
    const wrong = documents.flatMap((file) =>
      inlineCode(file).flatMap((code) =>
        Array.from(code.matchAll(/(?<![\w./-])([A-Z]\w+)\.(\w+)/gu), ([, name = "", member = ""]) => {
          const found = modules.get(name)
          return found === undefined || member === "ts" || member in found.values || found.types.has(member) ||
              known.has(`${name}.${member}`)
            ? []
            : [`${file}: ${name}.${member}`]
        }).flat()
      )
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("are options where they stand as options", () => {
    const wrong: Array<string> = []
    let read = 0
    for (const file of documents) {
      for (const code of inlineCode(file)) {
        const isCall = ownNames.has(/^([A-Z]\w+)\.\w+\(/u.exec(code)?.[1] ?? "")
        if (!isCall && !optionKeys.test(code)) continue
        try {
          const value = valueOf(isCall ? code : `{ ${code} }`)
          if (value === undefined) continue
          read++
          const faults = isCall ? [] : readers.map((unknown) => unknown(value))
          if (!isCall && faults.every((found) => found.length > 0)) {
            wrong.push(`${file}: \`${code}\`: ${faults[0]?.join()}`)
          }
        } catch (error) {
          wrong.push(`${file}: \`${code}\`: ${error}`)
        }
      }
    }
    assert.deepStrictEqual(wrong, [])
    assert.isAbove(read, 120)
  })
})
