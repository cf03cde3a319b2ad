/**
 * A kept connection that the server resets while the program is busy: the next request is written before that is read, and the
 * system refuses it. Without TLS nothing of it was taken, so even a POST goes once more; under TLS earlier records may have been
 * written, so it does not.
 */
// Threads have no origins.
// oxlint-disable unicorn/require-post-message-target-origin
import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { certificate, trust } from "../certificate.ts"
import * as Server from "../server.ts"

const resetting = Effect.acquireRelease(
  Effect.promise(async () => {
    const done = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(new URL("programs/resettingServer.ts", import.meta.url), {
      workerData: { certificate, done }
    })
    const [ports] = await once(worker, "message") as [{ readonly plain: number; readonly tls: number }]
    const reset = () => {
      worker.postMessage("reset")
      assert.notStrictEqual(Atomics.wait(done, 0, 0, 10_000), "timed-out")
    }
    const count = async (): Promise<number> => {
      worker.postMessage("count")
      return (await once(worker, "message"))[0]
    }
    return { ports, reset, count, worker }
  }),
  ({ worker }) => Effect.promise(() => worker.terminate())
)

describe("A POST on a kept connection that was reset meanwhile", () => {
  const post = (url: string) => HttpClient.post(url, { body: HttpBody.text("pay") })

  const cases = [
    ["goes once more without TLS, and is carried out once", "plain"],
    ["fails under TLS, and was never carried out twice", "tls"]
  ] as const

  it.live.each(cases)("%s", ([, kind]) =>
    Effect.gen(function*() {
      const { count, ports, reset } = yield* resetting
      const url = kind === "plain" ? `http://127.0.0.1:${ports.plain}` : `https://127.0.0.1:${ports.tls}`
      yield* Effect.flatMap(post(url), ({ text }) => text)
      // The connection rests until what came with the answer is read.
      yield* Effect.repeat(Server.turn, { times: 5 })
      // undici looks at a kept connection once more before it writes, in the next check phase; this comes right before that.
      const ended = yield* Effect.result(Effect.suspend(() => {
        setImmediate(reset)
        return post(url)
      }))
      const seen = yield* Effect.promise(count)
      if (kind === "plain") {
        assert.deepStrictEqual([ended._tag, seen], ["Success", 2])
      } else {
        const failure = ended._tag === "Failure"
          ? Option.getOrUndefined(HttpFailure.fromClientError(ended.failure))
          : undefined
        assert.deepStrictEqual([failure?.reason._tag, failure?.requestWritten, seen], ["ConnectionReset", true, 1])
      }
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1, tls: trust }))))
})
