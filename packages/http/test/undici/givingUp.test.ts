/** What was given up is gone, whatever the client, the request, the answer, and the way to give it up. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"

interface Left {
  readonly client: string
  readonly combinations: number
  /** How many responses of a combination are not garbage. */
  readonly responses: Readonly<Record<string, number>>
  /** Ends of connections that are open, of both sides. */
  readonly open: number
  /** Whether none is, once the layer is closed. */
  readonly isClosed: boolean
}

const program = new URL("programs/givingUp.ts", import.meta.url).pathname

describe("A body that is given up", () => {
  it.live(
    "keeps no response, no byte and no connection, with tracing on (900 combinations)",
    () =>
      Effect.gen(function*() {
        const printed = yield* Effect.callback<string>((resume) => {
          execFile(process.execPath, ["--expose-gc", program], (error, stdout) => {
            resume(error === null ? Effect.succeed(stdout) : Effect.die(error))
          })
        })
        const clients = printed.trim().split("\n").map((line): Left => JSON.parse(line))
        assert.strictEqual(clients.length, 3)
        for (const { client, combinations, isClosed, open, responses } of clients) {
          assert.strictEqual(combinations, 300)
          assert.deepStrictEqual(responses, {}, client)
          assert.isAtMost(open, 24, client)
          assert.isTrue(isClosed, client)
        }
      }),
    120_000
  )
})
