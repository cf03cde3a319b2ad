/**
 * Amazon Bedrock by its Converse API, which is the same for all of its models.
 *
 * **When to use**
 *
 * Use it for models that an AWS account is billed for. Import it from `@holdfast/llm/BedrockProvider`: the package's index leaves it
 * out, so that a program without Bedrock bundles neither its signer nor its codec.
 *
 * **Details**
 *
 * Requests are signed by `aws4fetch`, or carry an API key of Bedrock's; event streams are read by AWS's own codec.
 *
 * A stream is complete once `messageStop` and `metadata` have arrived. An exception in the middle of a stream is a failure, and so
 * is a frame whose checksum is wrong. An answer that a guardrail stopped has the finish reason `content-filter`.
 *
 * A message or a part with the option `bedrock.cachePoint` is followed by a cache point, and so is one with Anthropic's
 * `anthropic.cacheControl`, because a chain may ask either. Models that take none are sent none.
 *
 * Thoughts keep their signature and go back only to the model that wrote them. `preflight` sends a conversation without messages,
 * which Bedrock refuses at no cost once it has accepted the credentials and the model.
 *
 * Source: Amazon Bedrock API reference, "Converse" and "ConverseStream"; AWS, "Create a signed request".
 *
 * **Gotchas**
 *
 * - Give it an `HttpClient` that does not retry: the chain does.
 * - Temporary credentials are not renewed: make a new provider before they expire, or give it an `HttpClient` that signs.
 * - `headers` are not signed.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as AiError from "effect/ai/AiError"
import type { IdGenerator } from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Address from "./Address.ts"
import * as Frames from "./internal/bedrock/frames.ts"
import * as BedrockRequest from "./internal/bedrock/request.ts"
import * as BedrockResponse from "./internal/bedrock/response.ts"
import * as Signature from "./internal/bedrock/signature.ts"
import * as BedrockUsage from "./internal/bedrock/usage.ts"
import * as Setting from "./internal/config/environment.ts"
import * as Parameter from "./internal/parameters/fields.ts"
import * as Answer from "./internal/protocol/answer/answer.ts"
import { newIds } from "./internal/protocol/answer/newIds.ts"
import { withParameters } from "./internal/protocol/request/body.ts"
import * as OptionChecks from "./internal/protocol/request/options.ts"
import * as ProviderRequest from "./internal/protocol/request/providerRequest.ts"
import { isRefusedAsEmpty } from "./internal/protocol/request/refusedAsEmpty.ts"
import * as Parameters from "./Parameters.ts"
import * as Provider from "./Provider.ts"

/** The keys of an AWS account. */
export type Credentials = Signature.Credentials

/** How to reach the API, and which model to ask. */
export interface Options {
  /** The id of a model or an inference profile, or its ARN: `"us.anthropic.claude-sonnet-4-5-20250929-v1:0"`. */
  readonly model: string
  /** The AWS region. Default: `"us-east-1"`. */
  readonly region?: string | undefined
  /**
   * The keys that requests are signed with. Without them and without `apiKey`, give the provider an `HttpClient` that signs. Default:
   * none.
   */
  readonly credentials?: Credentials | undefined
  /** An API key of Bedrock's, sent as a bearer token instead of a signature. Default: none. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** The URL of the API. Default: `"https://bedrock-runtime.<region>.amazonaws.com"`. */
  readonly baseUrl?: string | undefined
  /** Names the provider in events, errors and priorities. Default: `"bedrock"`. */
  readonly name?: string | undefined
  /** Whether the server is in the cloud or on your own machine or network. Default: `"cloud"`. */
  readonly location?: Provider.Location | undefined
  /** Capabilities that differ from {@link Provider.defaultCapabilities}. Default: `{}`. */
  readonly capabilities?: Partial<Provider.Capabilities> | undefined
  /** Headers of every request; they are not signed. Default: none. */
  readonly headers?: Headers.Input | undefined
  /**
   * Fields of every request's body: `{ inferenceConfig: { maxTokens: 1000 } }`. They override the provider's own, except for the
   * messages; `null` removes a field. Default: `{}`.
   */
  readonly parameters?: Readonly<Record<string, Schema.Json>> | undefined
}

/** The region that is asked when none is named. */
export const defaultRegion = "us-east-1"

/**
 * Makes a provider over the `HttpClient` in context. Throws a `RangeError` for an invalid region or URL.
 *
 * ```ts import.meta.vitest
 * import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
 * import { Effect, Redacted } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = BedrockProvider.make({
 *   model: "us.amazon.nova-pro-v1:0",
 *   region: "eu-central-1",
 *   credentials: { accessKeyId: Redacted.make("AKIA..."), secretAccessKey: Redacted.make("...") }
 * })
 *
 * const provider = await Effect.runPromise(program.pipe(Effect.provide(FetchHttpClient.layer)))
 * const title = `${provider.name}/${provider.model}`
 * title // => "bedrock/us.amazon.nova-pro-v1:0"
 * ```
 */
export const make = (options: Options): Effect.Effect<Provider.Provider, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, makeWith(options))

/**
 * Makes a provider from `BEDROCK_MODEL`, `BEDROCK_BASE_URL`, `AWS_REGION` (or `AWS_DEFAULT_REGION`), and either
 * `AWS_BEARER_TOKEN_BEDROCK` or `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; `options` set the rest. Fails
 * with a `ConfigError` if there is no model, or neither credentials nor a base URL.
 *
 * ```ts import.meta.vitest
 * import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ BEDROCK_MODEL: "us.amazon.nova-pro-v1:0", AWS_BEARER_TOKEN_BEDROCK: "key" })
 * const program = BedrockProvider.makeConfig().pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(env)])
 * )
 *
 * const provider = await Effect.runPromise(program)
 * provider.model // => "us.amazon.nova-pro-v1:0"
 * ```
 */
export const makeConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "apiKey" | "model" | "baseUrl" | "region" | "credentials">
): Effect.fn.Return<Provider.Provider, Config.ConfigError, HttpClient.HttpClient> {
  const settings = yield* Setting.bedrock
  return yield* Setting.make(() => make({ ...options, ...settings }))
})

const checkRegion = (region: string): void => {
  if (!/^[a-z0-9-]+$/.test(region)) {
    throw new RangeError(`must be the name of an AWS region, got ${JSON.stringify(region)}`)
  }
}

const fields = {
  ...OptionChecks.common,
  model: Arguments.text,
  region: Arguments.optional(OptionChecks.throwing(checkRegion)),
  credentials: Arguments.optional(Arguments.struct({
    accessKeyId: OptionChecks.key,
    secretAccessKey: OptionChecks.key,
    sessionToken: Arguments.optional(OptionChecks.key)
  }))
}

const makeWith = (options: Options) => {
  OptionChecks.check("BedrockProvider", fields, options)
  const { apiKey, credentials, model } = options
  const name = options.name ?? "bedrock"
  const region = options.region ?? defaultRegion
  const baseUrl = options.baseUrl ?? `https://bedrock-runtime.${region}.amazonaws.com`
  const address = Address.make("BedrockProvider.make", "baseUrl", baseUrl)
  const path = `/model/${encodeURIComponent(model)}`
  const secrets = [
    apiKey,
    credentials?.accessKeyId,
    credentials?.secretAccessKey,
    credentials?.sessionToken,
    ...address.secrets
  ].filter((secret) => secret !== undefined)

  return (client: HttpClient.HttpClient): Provider.Provider => {
    const callOf = (method: string): ProviderRequest.ProviderRequest => ({
      module: "BedrockProvider",
      method,
      provider: name,
      client,
      secrets,
      advice: (kind) => {
        if (kind === "unknownModel") {
          return `Check that ${region} serves "${model}": many models need an inference profile, such as "us.${model}"`
        }
        if (kind === "modelNotAllowed") return `Enable the model "${model}" for the account in the console of Bedrock`
        if (kind === "keyRejected") {
          return "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, with AWS_SESSION_TOKEN for temporary ones, to valid keys"
        }
        return undefined
      },
      counted: BedrockUsage.counted,
      unreachable: () => `no connection to ${name} at ${address.shown}`
    })

    const send = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      operation: "converse" | "converse-stream",
      fields: object
    ) {
      const body = JSON.stringify(fields)
      const request = address.request("POST", `${path}/${operation}`).pipe(
        HttpClientRequest.setHeaders(options.headers ?? {}),
        HttpClientRequest.accept(
          operation === "converse" ? "application/json" : "application/vnd.amazon.eventstream"
        ),
        HttpClientRequest.bodyText(body, "application/json")
      )
      const signed = apiKey !== undefined
        ? HttpClientRequest.bearerToken(request, apiKey)
        : credentials === undefined
        ? request
        : HttpClientRequest.setHeaders(
          request,
          yield* Signature.sign(credentials, region, { method: "POST", url: request.url, body })
        )
      return yield* ProviderRequest.open(call, signed)
    })

    const answerOf = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<Answer.Answer, AiError.AiError, IdGenerator | Scope.Scope> {
      const body = yield* Effect.mapError(
        BedrockRequest.make(request, model),
        (reason) => ProviderRequest.failure(call, reason)
      )
      const operation = stream ? "converse-stream" : "converse"
      const fields = Parameter.fields(yield* Parameters.Current, "converse", model, options.parameters)
      const response = yield* send(call, operation, withParameters({ ...body }, fields))
      const errors = ProviderRequest.errors(call, `${address.shown}${path}/${operation}`, response)
      const make = BedrockResponse.make({ request, errors, newId: yield* newIds })
      return { body: Frames.toLines(ProviderRequest.bytes(call, response)), make }
    })

    return {
      name,
      model,
      location: options.location ?? "cloud",
      capabilities: { ...Provider.defaultCapabilities, ...options.capabilities },
      ...Answer.methods(callOf, answerOf),
      drops: (asked) => Parameter.dropped(asked, "converse", model),
      preflight: send(callOf("preflight"), "converse", { messages: [] }).pipe(
        Effect.scoped,
        Effect.asVoid,
        Effect.catchIf(isRefusedAsEmpty, () => Effect.void)
      )
    }
  }
}
