/**
 * A policy in a file: YAML or JSON, what it says as `PolicyData` or `HttpPolicyData` reads it, and what is wrong with it, by
 * path and reason.
 */
import * as Policy from "@holdfast/core/Policy"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as ConfigFile from "@holdfast/http/ConfigFile"
import * as HttpPolicyData from "@holdfast/http/HttpPolicyData"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as SystemData from "@holdfast/simulator/SystemData"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import type * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as FailureWords from "../terminal/FailureWords.ts"
import * as HttpPolicyWords from "./HttpPolicyWords.ts"
import { at, hintOf, type Issue, issuesOf } from "./issues.ts"
import type { Kind } from "./kind.ts"

/** The file cannot be read as YAML or JSON, or has nothing there; `message` is the line for stderr. */
export class Unreadable extends Data.TaggedError("Unreadable")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 2
}

/** The file can be read, and is not valid. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly file: string
  /** Where in the file it was looked for. Empty for the whole of it. */
  readonly at: string
  /** What it was read as. */
  readonly as: Kind | "llm" | "system"
  readonly issues: ReadonlyArray<Issue>
}> {
  override readonly [Runtime.errorExitCode]: number = 1

  /** The kind of value that the file should hold. */
  get what(): "policy" | "chain" | "system" {
    return this.as === "llm" ? "chain" : this.as === "system" ? "system" : "policy"
  }

  override get message(): string {
    const { as, at, file, what } = this
    const issues = this.issues.map(({ path, reason }) => path === "" ? reason : `${path}: ${reason}`)
    const flags = (as === "policy" ? "" : ` --as ${as}`) + (at === "" ? "" : ` --at ${at}`)
    if (as === "system") return `${file} is not a valid system: ${issues.join("; ")}`
    return `${file} is not a valid ${what}: ${issues.join("; ")} (see \`holdfast check${flags} ${file}\`)`
  }
}

/** The text of a file, or of stdin for `-`. */
const textOf = (file: string): Effect.Effect<string, Unreadable, FileSystem.FileSystem | Stdio.Stdio> =>
  file === "-"
    ? Stdio.Stdio.use(({ stdin }) => Stream.mkString(Stream.decodeText(stdin))).pipe(
      Effect.mapError((error) => new Unreadable({ message: `stdin cannot be read: ${FailureWords.ofFile(error)}` }))
    )
    : Effect.mapError(
      FileSystem.FileSystem.use((fs) => fs.readFileString(file)),
      (error) =>
        new Unreadable({
          message: file === ""
            ? "the name of the file is empty: name a file"
            : error.reason._tag === "NotFound"
            ? `there is no file ${file}`
            : /\bEISDIR\b/u.test(FailureWords.ofFile(error))
            ? `${file} is a folder: name a file in it`
            : `${file} cannot be read: ${FailureWords.ofFile(error)}`
        })
    )

/** Which key of a path is missing, and which there are. */
const missing = (value: unknown, keys: ReadonlyArray<string>): string => {
  const last = keys.findIndex((_, index) => at(value, keys.slice(0, index + 1)) === undefined)
  const parent = at(value, keys.slice(0, last))
  return Predicate.isObject(parent) ? hintOf(keys[last] ?? "", Object.keys(parent)) : ""
}

/** Reads what a file says at a path of keys, `policies.stock`; the empty path is the whole of it. */
const read = Effect.fnUntraced(function*(
  file: string,
  path: string
): Effect.fn.Return<unknown, Unreadable, FileSystem.FileSystem | Stdio.Stdio> {
  const text = yield* textOf(file)
  const value = yield* Effect.mapError(
    ConfigFile.parse(text),
    ({ message }) =>
      new Unreadable({
        message: `${file === "-" ? "stdin" : file} is neither YAML nor JSON: ${
          FailureWords.firstLine(message).replace(/:$/u, "")
        }`
      })
  )
  const keys = path.split(".").filter((key) => key !== "")
  const found = at(value, keys)
  return found === undefined || found === null
    ? yield* new Unreadable({
      message: path === ""
        ? `${file === "-" ? "stdin" : file} is empty`
        : `${file} has nothing at ${path}${missing(value, keys)}`
    })
    : found
})

/** What a file means. */
export interface Meaning {
  /** The policy, and after it those of endpoints, outermost options first. */
  readonly policies: readonly [HttpPolicyWords.CoreOptions, ...ReadonlyArray<HttpPolicyWords.CoreOptions>]
  /** What else it says. */
  readonly notes: ReadonlyArray<string>
}

const decode = (kind: Kind, input: unknown): Effect.Effect<Meaning, Schema.SchemaError> =>
  kind === "policy"
    ? Effect.map(PolicyData.decode(input), (data) => ({ policies: [PolicyData.toOptions(data)], notes: [] }))
    : Effect.map(HttpPolicyData.decode(input), (data) => ({
      policies: [HttpPolicyWords.client(data), ...HttpPolicyWords.endpoints(data)],
      notes: HttpPolicyWords.notes(data)
    }))

const ofHttp = "belongs to a policy for HTTP: add `--as http`"
const ofSystem = "belongs to a system: `holdfast simulate` plays it"

/** Keys of a file of another kind, and what reads them. */
const elsewhere: Readonly<Record<string, string>> = {
  llm: "belongs to a chain: add `--as llm`, or `--at llm.http --as http` for the policy of its clients",
  services: ofSystem,
  callers: ofSystem,
  timeouts: ofHttp,
  endpoints: ofHttp,
  transport: ofHttp,
  timeout: ofHttp,
  max_retries: ofHttp,
  max_connections: ofHttp
}

const redirected = (issue: Issue): Issue => {
  const reader = issue.reason.startsWith("is not an option") ? elsewhere[issue.path] : undefined
  return reader === undefined ? issue : { ...issue, reason: reader }
}

const meaningOf = (input: unknown, file: string, path: string, kind: Kind): Effect.Effect<Meaning, Refused> =>
  Effect.mapError(
    decode(kind, input),
    (error) => new Refused({ file, at: path, as: kind, issues: issuesOf(input, error).map(redirected) })
  )

/** Reads what a file means at a path of keys. */
export const meaning = (file: string, path: string, kind: Kind) =>
  Effect.flatMap(read(file, path), (input) => meaningOf(input, file, path, kind))

/**
 * Reads a system that a file describes, or else what it means as a policy, after a change of its content. A system has
 * `services`.
 */
export const systemOrMeaning = Effect.fnUntraced(function*<E = never>(
  file: string,
  path: string,
  kind: Kind,
  change: (input: unknown) => Effect.Effect<unknown, E> = Effect.succeed
) {
  const input = yield* change(yield* read(file, path))
  if (!Predicate.hasProperty(input, "services")) return { meaning: yield* meaningOf(input, file, path, kind) }
  const data = yield* Effect.mapError(
    SystemData.decode(input),
    (error) => new Refused({ file, at: path, as: "system", issues: issuesOf(input, error) })
  )
  return { system: SystemData.toSystem(data) }
})

/** Reads what a file says of a chain of providers, under `llm:` at a path of keys. */
export const chain = Effect.fnUntraced(function*(file: string, path: string) {
  const input = yield* read(file, path)
  return yield* Effect.mapError(
    LlmConfig.decode(input),
    (error) => new Refused({ file, at: path, as: "llm", issues: issuesOf(input, error) })
  )
})

/** The policy of such options, in words. */
export const describe = (options: HttpPolicyWords.CoreOptions): Effect.Effect<Policy.Description> =>
  Effect.map(Effect.scoped(Policy.make(options)), Policy.describe)
