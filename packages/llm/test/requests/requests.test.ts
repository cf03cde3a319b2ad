/** What Holdfast's providers send is what the vendors' own SDKs send, but for the differences that are listed with a reason. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Json } from "./cases.ts"
import { cases } from "./cases.ts"
import { differences } from "./differences.ts"
import { providers, requestOf } from "./ours.ts"
import type { Request } from "./recorder.ts"

type Asked = Request | { readonly refused: string }

/** The requests of an SDK by case, as `derive.ts` has written them down. */
const snapshotOf = (name: string): ReadonlyMap<string, Asked> => {
  const [, ...lines] = readFileSync(join(import.meta.dirname, "snapshots", `${name}.jsonl`), "utf8").trim().split("\n")
  return new Map(lines.map((line) => {
    const { case: name, ...request } = JSON.parse(line) as Asked & { readonly case: string }
    return [name, request]
  }))
}

interface Difference {
  readonly path: string
  readonly ours: Json | undefined
  readonly theirs: Json | undefined
}

const isObject = (json: unknown): json is Readonly<Record<string, Json>> =>
  typeof json === "object" && json !== null && !Array.isArray(json)

const parsed = (json: Json | undefined): Json | undefined => {
  if (typeof json !== "string" || !/^[{[]/.test(json)) return json
  try {
    return JSON.parse(json) as Json
  } catch {
    return json
  }
}

/** Where two requests differ. JSON in a string is compared as what it says. */
const compare = (ours: Json | undefined, theirs: Json | undefined, path = ""): ReadonlyArray<Difference> => {
  const [a, b] = [parsed(ours), parsed(theirs)]
  if (isObject(a) && isObject(b)) {
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
      compare(a[key], b[key], path === "" ? key : `${path}.${key}`)
    )
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return Array.from(
      { length: Math.max(a.length, b.length) },
      (_, i) => compare(a[i], b[i], `${path}.${i}`)
    ).flat()
  }
  return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ path, ours, theirs }]
}

/** That both refuse is enough, whatever their words. */
const differencesOf = (ours: Asked, theirs: Asked | undefined): ReadonlyArray<Difference> => {
  if (theirs === undefined) return [{ path: "case", ours: "asked", theirs: undefined }]
  if ("refused" in ours || "refused" in theirs) {
    const [a, b] = [ours, theirs].map((asked) => "refused" in asked ? asked.refused : "sent")
    return "refused" in ours && "refused" in theirs ? [] : [{ path: "refused", ours: a, theirs: b }]
  }
  return [
    ...compare(ours.method, theirs.method, "method"),
    ...compare(ours.path, theirs.path, "path"),
    ...compare(ours.headers, theirs.headers, "headers"),
    ...compare(ours.body, theirs.body, "body")
  ]
}

const toText = ({ ours, path, theirs }: Difference): string =>
  `${path}: ${JSON.stringify(ours)}, not ${JSON.stringify(theirs)}`

const unusedReasons = new Set(differences)

describe.each(
  [
    ["openai", "openai"],
    ["vercel-openai-chat", "openai"],
    ["vercel-openai-compatible", "openai"],
    ["vercel-deepseek", "deepseek"],
    ["vercel-groq", "groq"],
    ["vercel-mistral", "mistral"],
    ["anthropic", "anthropic"],
    ["vercel-anthropic", "anthropicSonnet"],
    ["vercel-openai-responses", "responses"],
    ["google", "gemini"],
    ["vercel-google", "gemini35"],
    ["ollama", "ollama"]
  ] as const
)("as %s sends it", (sdk, provider) => {
  const theirs = snapshotOf(sdk)

  it("has every case", () => {
    assert.deepStrictEqual([...theirs.keys()], Object.keys(cases))
  })

  it.effect.each(Object.entries(cases))("%s", ([name, asked]) =>
    Effect.gen(function*() {
      const ours = yield* requestOf(providers[provider], asked)
      const request = theirs.get(name)
      const found = differencesOf(ours, request)
      const unexplained = found.filter(({ path }) => {
        const reason = differences.find((reason) =>
          reason.sdk.test(sdk) && reason.path.test(path) && (reason.case === undefined || reason.case.test(name))
        )
        if (reason !== undefined) unusedReasons.delete(reason)
        return reason === undefined
      })
      assert.deepStrictEqual(unexplained.map(toText), [])
    }))
})

it("has no reason for a difference that is not there", () => {
  assert.deepStrictEqual([...unusedReasons].map(({ why }) => why), [])
})
