import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stdio from "effect/Stdio"
import type { Kind } from "../src/check/kind.ts"
import * as PolicyFile from "../src/check/PolicyFile.ts"

/** What `check` says about a file that it does not accept. */
const said = (text: string, path: string, kind: Kind) =>
  PolicyFile.meaning("app.yaml", path, kind).pipe(
    Effect.flip,
    Effect.map(({ message }) => message),
    Effect.provide(Layer.merge(
      FileSystem.layerNoop({ readFileString: () => Effect.succeed(text) }),
      Stdio.layerTest({})
    ))
  )

const llm = "llm: { http: { max_retries: 3 } }"

const cases: ReadonlyArray<readonly [name: string, text: string, path: string, kind: Kind, message: string]> = [
  [
    "a path with a typing error",
    llm,
    "llm.htp",
    "http",
    "app.yaml has nothing at llm.htp (`htp`: did you mean `http`?)"
  ],
  ["a path that the file does not have", llm, "stock", "policy", "app.yaml has nothing at stock (it has llm)"],
  ["a path through a value", llm, "llm.http.max_retries.x", "http", "app.yaml has nothing at llm.http.max_retries.x"],
  ["a chain as a policy", llm, "", "policy", "llm: belongs to a chain: add `--as llm`, or `--at llm.http --as http`"],
  ["a chain as a policy for HTTP", llm, "", "http", "llm: belongs to a chain: add `--as llm`"],
  [
    "a policy for HTTP as any policy",
    llm,
    "llm.http",
    "policy",
    "max_retries: belongs to a policy for HTTP: add `--as http`"
  ],
  [
    "a system",
    "services: {}\ncallers: {}",
    "",
    "policy",
    "services: belongs to a system: `holdfast simulate` plays it"
  ],
  [
    "keys that are not indented",
    "retry:\ntimes: 3",
    "",
    "policy",
    "retry: must be an object, got null: in a file, indent its keys"
  ]
]

describe("a file of another kind, or with a mistake", () => {
  it.effect.each(cases)(
    "that is %s says what to do",
    ([, text, path, kind, message]) => Effect.map(said(text, path, kind), (actual) => assert.include(actual, message))
  )
})
