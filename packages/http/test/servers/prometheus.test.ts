/** A real Prometheus scrapes a program that calls through the client, and is asked what it found. */
import { assert, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { join } from "node:path"
import * as Server from "../server.ts"
import { binary, folder, freePort, start, write } from "./daemon.ts"

interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [at: number, value: string]
}

it.live("Prometheus finds the durations of requests by OpenTelemetry's names, and no secret", () =>
  Effect.gen(function*() {
    let requests = 0
    const shop = yield* Server.http((_, response) => {
      response.writeHead(requests++ === 0 ? 503 : 200, { "retry-after-ms": "1" }).end("three")
    })
    const client = ResilientHttpClient.layer({ retry: { times: 2, backoff: Backoff.constant({ delay: 1 }) } })
    yield* Effect.provide(
      Server.text(`${shop.url}/stock?X-Amz-Signature=sesame&token=sesame`),
      Layer.provide(client, FetchHttpClient.layer)
    )
    const page = yield* PrometheusMetrics.format()
    const program = yield* Server.http((_, response) => response.setHeader("content-type", "text/plain").end(page))

    const home = yield* folder
    const port = yield* freePort
    yield* write(
      join(home, "prometheus.yml"),
      `scrape_configs:
  - job_name: program
    scrape_interval: 100ms
    scrape_timeout: 100ms
    static_configs: [{ targets: ["${new URL(program.url).host}"] }]
`
    )
    const prometheus = yield* binary("prometheus")
    yield* start(
      prometheus,
      [
        `--config.file=${join(home, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(home, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`
      ],
      port,
      ""
    )

    const query = (text: string) =>
      Effect.gen(function*() {
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(text)}`
        for (;;) {
          const samples = yield* HttpClient.get(url).pipe(
            Effect.flatMap((response) => response.json),
            Effect.map((body) => (body as { data?: { result?: ReadonlyArray<Sample> } }).data?.result ?? []),
            Effect.orElseSucceed((): ReadonlyArray<Sample> => [])
          )
          if (samples.length > 0) return samples
          yield* Server.turn
        }
      }).pipe(Effect.provide(FetchHttpClient.layer))

    const own = `server_port="${new URL(shop.url).port}"`
    const counts = yield* query(`http_client_request_duration_count{${own}}`)
    assert.deepStrictEqual(
      counts.map(({ metric, value }) => [
        metric["http_request_method"],
        metric["http_response_status_code"],
        metric["error_type"],
        metric["url_scheme"],
        metric["server_address"],
        value[1]
      ]).toSorted(),
      [
        ["GET", "200", undefined, "http", "127.0.0.1", "1"],
        ["GET", "503", "503", "http", "127.0.0.1", "1"]
      ]
    )
    const buckets = yield* query(`http_client_request_duration_bucket{http_response_status_code="200",${own}}`)
    assert.deepStrictEqual(
      buckets.map(({ metric }) => Number(metric["le"]?.replace("+Inf", "Infinity"))).toSorted((a, b) => a - b),
      // Semantic conventions, "Metric: http.client.request.duration", in seconds.
      [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, Infinity]
    )
    const [sum] = yield* query(`sum(http_client_request_duration_sum{${own}})`)
    assert.isBelow(Number(sum?.value[1]), 30)
    assert.notInclude(page, "sesame")
  }))
