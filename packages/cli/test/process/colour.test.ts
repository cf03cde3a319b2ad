/** When the program paints: for a terminal or by `FORCE_COLOR`, never into a pipe by itself, and never under `NO_COLOR`. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Holdfast from "./holdfast.ts"

const environments: ReadonlyArray<readonly [words: string, env: Record<string, string>, isPainted: boolean]> = [
  ["into a pipe", {}, false],
  ["under NO_COLOR", { NO_COLOR: "1" }, false],
  ["under FORCE_COLOR", { FORCE_COLOR: "1" }, true],
  ["under both", { FORCE_COLOR: "1", NO_COLOR: "1", NODE_NO_WARNINGS: "1" }, false],
  ["on a terminal that is dumb", { TERM: "dumb" }, false]
]

it.live.each(environments)("knows whether to paint %s", ([, env, isPainted]) =>
  Effect.gen(function*() {
    const { code, stderr, stdout } = yield* Holdfast.run(["check", "--help"], env)
    assert.deepStrictEqual([code, stderr], [0, ""])
    assert.include(stdout, "check")
    assert.strictEqual(stdout.includes("\u001b["), isPainted)
  }), 30_000)
