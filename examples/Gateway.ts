/**
 * A chain of providers behind an HTTP endpoint that speaks OpenAI's chat completions, for programs in any language.
 *
 * Callers have keys of their own, and no key of a provider: each key belongs to a tenant, whose requests are tagged with its name.
 * Budgets, the ledger and pools go by that tag. Until the first part of an answer has come, a failure is an HTTP status;
 * after it, an answer that breaks off ends with an error event. A caller that goes away ends its request at the provider.
 *
 * Several of them share cool-downs, limits and budgets with `LLM_STORE_URL`, the URL of a Redis.
 *
 * Run it: `GATEWAY_KEYS=acme:secret-1,globex:secret-2 npx node examples/Gateway.ts`, with the variables of the providers, and
 * `GATEWAY_FILE=llm.yaml` for pools, budgets and prices.
 */
import { NodeHttpServer, NodeRuntime, NodeServices } from "@effect/platform-node"
import { UndiciTransport } from "@holdfast/http"
import { Budgets, LlmConfig, Parameters, ProviderChain, Usage } from "@holdfast/llm"
import * as ChainStoreConfig from "@holdfast/llm/ChainStoreConfig"
import * as LlmConfigFile from "@holdfast/llm/LlmConfigFile"
import { ByteSize, Clock, Config, Context, DateTime, type Duration, Effect, Layer, Redacted, Stream } from "effect"
import { HttpEffect, HttpIncomingMessage, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createHash, randomUUID } from "node:crypto"
import { createServer } from "node:http"
import * as Answer from "./gateway/answer.ts"
import * as Failure from "./gateway/failure.ts"
import * as Request from "./gateway/request.ts"

const digest = (key: string): string => createHash("sha256").update(key).digest("base64")

/** The tenants by their keys. Keys are looked up by their digest, so that no comparison tells how much of one is right. */
export class Tenants extends Context.Service<Tenants, { readonly of: (key: string) => string | undefined }>()(
  "examples/Tenants"
) {
  static layer(keys: ReadonlyArray<readonly [tenant: string, key: Redacted.Redacted]>): Layer.Layer<Tenants> {
    const tenants = new Map(keys.map(([tenant, key]) => [digest(Redacted.value(key)), tenant]))
    return Layer.succeed(Tenants, { of: (key) => tenants.get(digest(key)) })
  }

  /** `GATEWAY_KEYS=acme:secret-1,globex:secret-2`. */
  static readonly layerConfig = Layer.unwrap(Effect.gen(function*() {
    const keys = yield* Config.Redacted("GATEWAY_KEYS")
    return Tenants.layer(
      Redacted.value(keys).split(",").map((entry) => {
        const [tenant = "", ...key] = entry.trim().split(":")
        return [tenant, Redacted.make(key.join(":"))]
      })
    )
  }))
}

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

/** The largest request: images are a part of it. */
const largest = ByteSize.megabytes(20)

const streamed = (head: Answer.Head, request: Request.Request) =>
  Effect.gen(function*() {
    const chunks = Answer.chunksOf(head, request.stream_options?.include_usage === true)
    const events = Stream.flatMap(Request.stream(request), (part) => Stream.fromIterable(chunks(part).map(event)))
    // Waits for the first event: until then, a failure has a status.
    const pull = yield* Stream.toPull(events)
    const first = yield* pull
    const rest = Stream.catch(Stream.fromPull(Effect.succeed(pull)), () => Stream.make(event(Failure.cut)))
    return HttpEffect.scopeTransferToStream(HttpServerResponse.stream(
      Stream.concat(Stream.fromIterable(first), rest).pipe(
        Stream.concat(Stream.make("data: [DONE]\n\n")),
        Stream.encodeText
      ),
      { contentType: "text/event-stream", headers: { "cache-control": "no-cache" } }
    ))
  })

const asked = (request: Request.Request) =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const head: Answer.Head = {
      id: `chatcmpl-${randomUUID()}`,
      created: Math.floor(now / 1_000),
      model: request.model ?? "chain"
    }
    if (request.stream === true) return yield* streamed(head, request)
    return HttpServerResponse.jsonUnsafe(Answer.completion(head, yield* Request.whole(request)))
  })

/** The tenant of a request, or a refusal. */
const authorized = <E, R>(
  handler: (tenant: string) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) =>
  Effect.gen(function*() {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const [, key = ""] = /^Bearer (.+)$/iu.exec(headers["authorization"] ?? "") ?? []
    const tenant = (yield* Tenants).of(key)
    if (tenant !== undefined) return yield* handler(tenant)
    return Failure.refusal(401, {
      message: "The key is missing or wrong: send it as `Authorization: Bearer`.",
      type: "invalid_request_error",
      code: "invalid_api_key"
    })
  })

const completions = authorized((tenant) =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.schemaBodyJson(Request.Request)
    return yield* asked(request).pipe(
      Parameters.with(Request.parametersOf(request)),
      Usage.withTags({ tenant })
    )
  }).pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, largest),
    Effect.catchTags({
      AiError: (error) => Effect.map(DateTime.now, (now) => Failure.failure(error, now)),
      SchemaError: ({ message }) => Effect.succeed(Failure.refusal(400, { message, type: "invalid_request_error" })),
      HttpServerError: () =>
        Effect.succeed(
          Failure.refusal(400, { message: "The body is not JSON, or it is too long.", type: "invalid_request_error" })
        )
    })
  )
)

/** `POST /v1/chat/completions`, `GET /v1/models`, and `GET /health` for the balancer before it. */
const Routes = HttpRouter.addAll([
  HttpRouter.route("POST", "/v1/chat/completions", completions),
  HttpRouter.route(
    "GET",
    "/v1/models",
    authorized(() =>
      Effect.succeed(HttpServerResponse.jsonUnsafe({
        object: "list",
        data: [{ id: "chain", object: "model", created: 0, owned_by: "holdfast" }]
      }))
    )
  ),
  HttpRouter.route("GET", "/health", Effect.succeed(HttpServerResponse.text("ok")))
])

/** The gateway over a `LanguageModel`. When it closes, it takes no new connections, and has the patience to let answers end. */
export const layer = ({ host, patience = "30 seconds", port }: {
  readonly host: string
  readonly port: number
  /** Default: 30 seconds. */
  readonly patience?: Duration.Input | undefined
}) =>
  HttpRouter.serve(Routes, { disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host, port, gracefulShutdownTimeout: patience }))
  )

/** What the environment and the file say. */
const Main = Layer.unwrap(Effect.gen(function*() {
  const file = yield* Config.withDefault(Config.String("GATEWAY_FILE"), "")
  const host = yield* Config.withDefault(Config.String("GATEWAY_HOST"), "127.0.0.1")
  const port = yield* Config.withDefault(Config.Port("GATEWAY_PORT"), 8_080)
  const config = file === "" ? Layer.empty : LlmConfig.layer(yield* LlmConfigFile.read(file))
  return layer({ host, port }).pipe(
    Layer.provide([
      ProviderChain.layerConfig({ transport: UndiciTransport.layer }),
      Budgets.layerConfig,
      Tenants.layerConfig
    ]),
    Layer.provide([UndiciTransport.layer(), ChainStoreConfig.layerConfig]),
    Layer.provide(config)
  )
}))

if (import.meta.main) NodeRuntime.runMain(Layer.launch(Layer.provide(Main, NodeServices.layer)))
