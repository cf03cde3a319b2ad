import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { PolicyEvent } from "@holdfast/core"
import { UndiciTransport } from "@holdfast/http"
import { Deferred, Effect, Exit, FileSystem, Layer, Logger } from "effect"
import { CmsPublisher } from "./CmsPublisher.ts"
import { loopback } from "./loopback.ts"

/** What the CMS does with a POST: carries it out or not, and says so or not. */
const deeds = {
  answers: { stores: true, status: 201 },
  /** It did it, and the answer is lost. */
  loses: { stores: true, status: undefined },
  /** It did it, and says that it did not. */
  lies: { stores: true, status: 503 },
  fails: { stores: false, status: 503 },
  resets: { stores: false, status: undefined }
}
type Deed = keyof typeof deeds

const article = { id: "holdfast-1.0", title: "Holdfast 1.0" }

/** A CMS that does one deed after the other, and then answers. `crash` is called with the number of the POST. */
const cms = (script: ReadonlyArray<Deed>, crashAt: number) =>
  Effect.gen(function*() {
    const crash = yield* Deferred.make<void>()
    const articles: Array<{ readonly key: string | undefined; readonly url: string }> = []
    let posts = 0
    const url = yield* loopback((request, response) => {
      if (request.method === "GET") {
        response.end(JSON.stringify(articles.map(({ url }) => ({ url }))))
        return
      }
      const { status, stores } = deeds[script[posts] ?? "answers"]
      const header = request.headers["idempotency-key"]
      const key = typeof header === "string" ? header : undefined
      request.resume().on("end", () => {
        const known = key === undefined ? undefined : articles.find((one) => one.key === key)
        const stored = known ?? { key, url: `/articles/${articles.length + 1}` }
        if (stores && known === undefined) articles.push(stored)
        // The process of the publisher ends here: the CMS has the request, and its answer is lost.
        if (++posts === crashAt) Deferred.doneUnsafe(crash, Effect.void)
        else if (status === undefined) response.destroy()
        else response.writeHead(status).end(status === 201 ? JSON.stringify({ url: stored.url }) : "")
      })
    })
    return { url, articles, crash, posts: () => posts }
  })

const every = Object.keys(deeds) as ReadonlyArray<Deed>
const scripts: ReadonlyArray<ReadonlyArray<Deed>> = every.flatMap((first) => every.map((second) => [first, second]))

describe("CmsPublisher", () => {
  it.live.each([true, false])(
    "publishes once, whatever the CMS does and wherever the process ends (keys: %s)",
    (keys) =>
      Effect.forEach(scripts, (script) =>
        Effect.forEach([0, 1, 2], (crashAt) =>
          Effect.scoped(Effect.gen(function*() {
            const { articles, crash, url } = yield* cms(script, crashAt)
            const outbox = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
            // Each process has a publisher and connections of its own, and they have the outbox in common.
            const inProcess = Effect.flatMap(CmsPublisher, ({ publish }) => publish(article)).pipe(
              Effect.provide(
                CmsPublisher.layer({ cms: url, outbox, keys }).pipe(
                  Layer.provide(UndiciTransport.layer())
                )
              )
            )
            const crashing = Effect.raceFirst(
              Effect.exit(inProcess),
              Effect.as(Deferred.await(crash), "crashed" as const)
            )
            let end = yield* crashing
            while (end !== "crashed" && Exit.isFailure(end)) end = yield* crashing
            const last = end === "crashed" ? yield* Effect.exit(Effect.retry(inProcess, { times: 5 })) : end
            const which = `${script.join(", ")}, crash at ${crashAt}`
            assert.deepStrictEqual(articles.map(({ url }) => url), ["/articles/1"], which)
            assert.deepStrictEqual(last, Exit.succeed("/articles/1"), which)
          })))).pipe(Effect.provide([NodeFileSystem.layer, Logger.layer([])]))
  )

  it.live("does not repeat a POST without a key, and says why", () =>
    Effect.gen(function*() {
      const { posts, url } = yield* cms(["loses"], 0)
      const outbox = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
      const reasons: Array<string | undefined> = []
      const publisher = CmsPublisher.layer({ cms: url, outbox, keys: false }).pipe(
        Layer.provide(UndiciTransport.layer())
      )
      const publish = Effect.flatMap(CmsPublisher, ({ publish }) => publish(article)).pipe(Effect.provide(publisher))
      yield* Effect.flip(PolicyEvent.observe(publish, (event) => {
        if (event._tag === "RetryStopped") reasons.push(event.because)
      }))
      assert.strictEqual(posts(), 1)
      assert.deepStrictEqual(reasons, ["POST without an Idempotency-Key may have been carried out"])
    }).pipe(Effect.provide([NodeFileSystem.layer, Logger.layer([])])))
})
