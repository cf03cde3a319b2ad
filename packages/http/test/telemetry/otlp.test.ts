/** What a program exports over OTLP, read by the messages of OpenTelemetry's own package: names, units, buckets, attributes. */
import { assert, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import { createRequire } from "node:module"
import * as Server from "../server.ts"

interface Message {
  decode(bytes: Uint8Array): object
  toObject(message: object, options: object): Export
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface Export {
  readonly resourceSpans?: ReadonlyArray<{
    readonly scopeSpans: ReadonlyArray<{
      readonly spans: ReadonlyArray<
        { readonly name: string; readonly kind: number; readonly attributes?: ReadonlyArray<Attribute> }
      >
    }>
  }>
  readonly resourceMetrics?: ReadonlyArray<{
    readonly scopeMetrics: ReadonlyArray<{
      readonly metrics: ReadonlyArray<{
        readonly name: string
        readonly unit?: string
        readonly histogram?: {
          readonly dataPoints: ReadonlyArray<{
            readonly count: number
            readonly explicitBounds: ReadonlyArray<number>
            readonly attributes: ReadonlyArray<Attribute>
          }>
        }
      }>
    }>
  }>
}

const root = createRequire(import.meta.url)("@opentelemetry/otlp-transformer/build/src/generated/root.js")
const { collector } = root.opentelemetry.proto
const messages: Readonly<Record<string, Message>> = {
  "/v1/traces": collector.trace.v1.ExportTraceServiceRequest,
  "/v1/metrics": collector.metrics.v1.ExportMetricsServiceRequest
}

const attributesOf = (attributes: ReadonlyArray<Attribute> = []) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

it.live("exports spans and durations as OpenTelemetry names them, and no secret", () =>
  Effect.gen(function*() {
    const exports: Array<Export> = []
    let text = ""
    const receiver = yield* Server.http((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const bytes = Buffer.concat(chunks)
        const message = messages[request.url ?? ""]
        text += bytes.toString("latin1")
        if (message !== undefined) exports.push(message.toObject(message.decode(bytes), { longs: Number }))
        response.setHeader("content-type", "application/x-protobuf").end()
      })
    })
    let requests = 0
    const shop = yield* Server.http((_, response) => {
      response.writeHead(requests++ === 0 ? 503 : 200, { "retry-after-ms": "1" }).end("three")
    })
    const client = Layer.provide(
      ResilientHttpClient.layer({ retry: { times: 2, backoff: Backoff.constant({ delay: 1 }) } }),
      UndiciTransport.layer()
    )
    // Closing the layer sends what is left.
    const exporter = Layer.provide(
      Otlp.layerProtobuf({ baseUrl: receiver.url, resource: { serviceName: "shop" } }),
      FetchHttpClient.layer
    )
    yield* Server.text(`${shop.url}/stock?X-Amz-Signature=sesame&token=sesame`).pipe(Effect.provide([client, exporter]))

    const port = Number(new URL(shop.url).port)
    const spans = exports.flatMap(({ resourceSpans = [] }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    ).map(({ attributes, kind }) => ({ kind, attributes: attributesOf(attributes) }))
      .filter(({ attributes }) => attributes["server.port"] === port)
    assert.deepStrictEqual(
      spans.map(({ attributes, kind }) => [
        kind,
        attributes["http.request.method"],
        attributes["http.response.status_code"],
        attributes["http.request.resend_count"],
        attributes["server.address"]
      ]).toSorted((a, b) => Number(b[2]) - Number(a[2])),
      [[3, "GET", 503, undefined, "127.0.0.1"], [3, "GET", 200, 1, "127.0.0.1"]]
    )

    const metrics = exports.flatMap(({ resourceMetrics = [] }) =>
      resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    )
    const duration = metrics.find(({ name }) => name === "http.client.request.duration")
    assert.strictEqual(duration?.unit, "s")
    const points = duration?.histogram?.dataPoints.map(({ attributes, explicitBounds }) => ({
      explicitBounds,
      attributes: attributesOf(attributes)
    })).filter(({ attributes }) => Number(attributes["server.port"]) === port)
    assert.strictEqual(points?.length, 2)
    assert.deepStrictEqual(points?.[0]?.explicitBounds, [
      0.005,
      0.01,
      0.025,
      0.05,
      0.075,
      0.1,
      0.25,
      0.5,
      0.75,
      1,
      2.5,
      5,
      7.5,
      10
    ])
    assert.notInclude(text, "sesame")
  }))
