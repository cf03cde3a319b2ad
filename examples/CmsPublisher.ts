/**
 * Publishes articles through the API of a CMS, each exactly once, whatever happens on the way.
 *
 * A POST whose answer is lost may have been carried out. Two things make it safe to go on:
 *
 * - The CMS honours `Idempotency-Key`: the key is on disk before anything is sent, so every attempt, and every process
 *   after a crash, sends the same one. Holdfast retries such a POST by itself.
 * - It does not: Holdfast refuses to repeat the POST, the failure comes out, and nothing is posted again before a look
 *   at what is there. That is weaker: a post that is still on its way when one looks is not seen. A CMS without keys
 *   should at least keep `externalId` unique.
 */
import { Backoff } from "@holdfast/core"
import { ResilientHttpClient } from "@holdfast/http"
import type { PlatformError } from "effect"
import { Context, Effect, FileSystem, Layer, Option, Schema } from "effect"
import type { HttpClientError } from "effect/http"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { randomUUID } from "node:crypto"

export interface Article {
  readonly id: string
  readonly title: string
}

const Published = Schema.Struct({ url: Schema.String })

/** What is known of an article that was begun: its key, and its URL when it is done. */
const Entry = Schema.fromJsonString(Schema.Struct({ key: Schema.String, url: Schema.optional(Schema.String) }))

export interface Options {
  /** The base URL of the CMS's API. */
  readonly cms: string
  /** The folder that keeps what was begun. */
  readonly outbox: string
  /** Whether the CMS honours `Idempotency-Key`. */
  readonly keys: boolean
}

export class CmsPublisher extends Context.Service<CmsPublisher, {
  /**
   * The URL of the article, which is published by then. When this fails, it may or may not be: call it again, in this
   * process or another.
   */
  readonly publish: (
    article: Article
  ) => Effect.Effect<string, HttpClientError.HttpClientError | PlatformError.PlatformError | Schema.SchemaError>
}>()("examples/CmsPublisher") {
  static layer(options: Options): Layer.Layer<CmsPublisher, never, HttpClient.HttpClient | FileSystem.FileSystem> {
    return Layer.effect(CmsPublisher, make(options)).pipe(
      Layer.provide(ResilientHttpClient.layer({
        name: "cms",
        baseUrl: options.cms,
        retry: { times: 3, backoff: Backoff.exponential({ initial: "20 millis", max: "2 seconds" }) },
        timeouts: { attempt: "10 seconds", total: "30 seconds" }
      }))
    )
  }
}

const make = Effect.fnUntraced(function*({ keys, outbox }: Options) {
  const files = yield* FileSystem.FileSystem
  const client = yield* HttpClient.HttpClient
  const pathOf = ({ id }: Article) => `${outbox}/${encodeURIComponent(id)}.json`

  /** Writes an entry so that after a crash it is there as a whole, or as it was before. */
  const write = (path: string, entry: typeof Entry.Type) =>
    Effect.gen(function*() {
      const file = yield* files.open(`${path}.new`, { flag: "w" })
      yield* file.writeAll(new TextEncoder().encode(yield* Schema.encodeEffect(Entry)(entry)))
      yield* file.sync
      yield* files.rename(`${path}.new`, path)
    }).pipe(Effect.scoped)

  const ok = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.flatMap(client.execute(request), HttpClientResponse.filterStatusOk)

  const post = (article: Article, key: string) =>
    Effect.flatMap(
      ok(
        HttpClientRequest.post("/articles", { headers: keys ? { "idempotency-key": key } : {} }).pipe(
          HttpClientRequest.bodyJsonUnsafe({ externalId: article.id, title: article.title })
        )
      ),
      HttpClientResponse.schemaBodyJson(Published)
    )

  const look = (article: Article) =>
    Effect.flatMap(
      ok(HttpClientRequest.get("/articles", { urlParams: { externalId: article.id } })),
      HttpClientResponse.schemaBodyJson(Schema.Array(Published))
    )

  const publish = Effect.fn("CmsPublisher.publish")(function*(article: Article) {
    const path = pathOf(article)
    const begun = (yield* files.exists(path))
      ? Option.some(yield* Schema.decodeEffect(Entry)(yield* files.readFileString(path)))
      : Option.none()
    if (Option.isSome(begun) && begun.value.url !== undefined) return begun.value.url
    const { key } = Option.getOrElse(begun, () => ({ key: randomUUID() }))
    if (Option.isNone(begun)) yield* write(path, { key })
    const there = Option.isSome(begun) && !keys ? yield* look(article) : []
    const { url } = there[0] ?? (yield* post(article, key))
    yield* write(path, { key, url })
    return url
  })

  return { publish } satisfies CmsPublisher["Service"]
})
