/** The program failed on an older Node with a stack of the loader's, before it could say which Node it needs. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Holdfast from "./holdfast.ts"

/** Makes the process say that it is an older Node, which lacks what came later. */
const older = `data:text/javascript,${
  encodeURIComponent(
    "import { syncBuiltinESMExports } from 'node:module'; import module from 'node:module';" +
      "delete module.enableCompileCache; syncBuiltinESMExports();" +
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })"
  )
}`

describe("holdfast on an older Node", { timeout: 60_000 }, () => {
  it.live("says which it needs, in a line", () =>
    Effect.gen(function*() {
      const ended = yield* Holdfast.run(["doctor"], { NODE_OPTIONS: `--import=${older}` })
      assert.deepStrictEqual(ended, {
        code: 2,
        stdout: "",
        stderr: "holdfast: needs Node 22.19 or later, and this is 20.20.2\n"
      })
    }))
})
