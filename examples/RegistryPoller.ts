/**
 * Polls a package registry for what has changed.
 *
 * A poller is the guest that comes most often. It asks `If-None-Match`, so that nothing new costs the registry a 304; it
 * stays away for as long as it is asked to; and when the registry is down, its retries are a tenth of its calls at most.
 */
import { Backoff } from "@holdfast/core"
import { ResilientHttpClient } from "@holdfast/http"
import type { Duration } from "effect"
import { Context, Effect, Layer, Option, Schema, Stream } from "effect"
import type { HttpClientError } from "effect/http"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"

export const Package = Schema.Struct({ name: Schema.String, version: Schema.String })
export type Package = typeof Package.Type

export class RegistryPoller extends Context.Service<RegistryPoller, {
  /** A package, if it is not what the call for it before this one got. */
  readonly changed: (
    name: string
  ) => Effect.Effect<Option.Option<Package>, HttpClientError.HttpClientError | Schema.SchemaError>
  /** Looks at each of the packages every so often, and reports those that have changed. */
  readonly watch: (names: ReadonlyArray<string>, every: Duration.Input) => Stream.Stream<Package>
}>()("examples/RegistryPoller") {
  static layer(registry: string): Layer.Layer<RegistryPoller, never, HttpClient.HttpClient> {
    return Layer.effect(RegistryPoller, make).pipe(
      Layer.provide(ResilientHttpClient.layer({
        name: "registry",
        baseUrl: registry,
        retry: {
          times: 3,
          backoff: Backoff.exponential({ initial: "500 millis", max: "10 seconds" }),
          retryAfter: { mode: "clamp", max: "2 minutes" },
          budget: { ratio: 0.1, minPerSecond: 0.1, window: "30 seconds" }
        },
        timeouts: { attempt: "10 seconds", total: "5 minutes" }
      }))
    )
  }
}

const make = Effect.gen(function*() {
  const client = yield* HttpClient.HttpClient
  const etags = new Map<string, string>()

  const changed = Effect.fn("RegistryPoller.changed")(function*(name: string) {
    const etag = etags.get(name)
    const response = yield* client.execute(HttpClientRequest.get(`/${encodeURIComponent(name)}`, {
      headers: etag === undefined ? {} : { "if-none-match": etag }
    }))
    if (response.status === 304) return Option.none()
    const found = yield* Effect.flatMap(
      HttpClientResponse.filterStatusOk(response),
      HttpClientResponse.schemaBodyJson(Package)
    )
    const next = response.headers["etag"]
    if (next !== undefined) etags.set(name, next)
    return Option.some(found)
  })

  return {
    changed,
    watch: (names, every) =>
      Stream.tick(every).pipe(
        Stream.flatMap(() => Stream.fromIterable(names)),
        Stream.mapEffect((name) =>
          changed(name).pipe(
            // A package that fails does not keep the others from being polled.
            Effect.catch((error) => Effect.as(Effect.logWarning(`${name}: ${error.message}`), Option.none())),
            Effect.map(Option.toArray)
          ), { concurrency: 4 }),
        Stream.flattenIterable
      )
  } satisfies RegistryPoller["Service"]
})
