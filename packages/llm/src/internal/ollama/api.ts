/**
 * What chats and embeddings of Ollama have in common: where it is, how it is asked, what its errors mean.
 *
 * Guarded by `test/OllamaProvider.test.ts` and `test/ollama.integration.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as Headers from "effect/http/Headers"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import * as Address from "../../Address.ts"
import * as OptionChecks from "../protocol/request/options.ts"
import type { ProviderRequest } from "../protocol/request/providerRequest.ts"

/** How to reach a server. */
interface Options {
  readonly apiKey?: Redacted.Redacted | undefined
  readonly host?: string | undefined
  readonly model?: string | undefined
  readonly numCtx?: number | undefined
  readonly keepAlive?: Arguments.DurationInput | undefined
  readonly name?: string | undefined
  readonly headers?: Headers.Input | undefined
  readonly parameters?: Readonly<Record<string, Schema.Json>> | undefined
}

/** A server and the model that it is asked for. */
export interface Api {
  readonly name: string
  readonly model: string
  /** Where it is, as it may be shown. */
  readonly host: string
  readonly numCtx: number | undefined
  /** The fields of every request's body. */
  readonly body: {
    readonly model: string
    /** A prompt that is too long is to be refused: Ollama would drop its beginning without a word. */
    readonly truncate: false
    readonly options?: Readonly<Record<string, Schema.Json>>
    readonly keep_alive?: number
  }
  readonly request: Address.Address["request"]
  readonly callOf: (client: HttpClient.HttpClient, method: string) => ProviderRequest
}

export const defaultHost = "http://127.0.0.1:11434"

export const parseHost = (module: string, host: string): string => {
  const trimmed = host.trim()
  const hasScheme = /^[a-z]+:\/\//i.test(trimmed)
  const rooted = trimmed.startsWith(":") ? `127.0.0.1${trimmed}` : trimmed
  const url = URL.parse(hasScheme ? rooted : `http://${rooted}`)
  if (trimmed === "" || url === null || !/^https?:$/.test(url.protocol)) {
    throw new RangeError(`${module}: host must be a URL or host:port, got ${JSON.stringify(Address.show(host))}`)
  }
  if (url.hostname === "0.0.0.0" || url.hostname === "[::]") url.hostname = "127.0.0.1"
  if (!hasScheme && url.port === "" && !/:80(\/|$)/.test(rooted)) url.port = "11434"
  return url.href.replace(/\/+$/, "")
}

const keepAlive = Arguments.duration({ min: 0, infinite: true })

/** Seconds, or -1 for ever. */
const keepAliveSeconds = (input: Arguments.DurationInput): number => {
  const seconds = Arguments.check("OllamaProvider.make", keepAlive, input) / 1000
  return Number.isFinite(seconds) ? seconds : -1
}

/** The options that only Ollama has. */
const own = {
  host: Arguments.optional(OptionChecks.throwing((host) => parseHost("", host))),
  numCtx: Arguments.optional(Arguments.integer({ min: 1 })),
  keepAlive: Arguments.optional(keepAlive)
}

/** Throws a `RangeError` if an option is invalid; `module` is the module in its message. */
export const make = (
  module: string,
  options: Options,
  defaultModel: string,
  fields: Arguments.Fields = OptionChecks.common
): Api => {
  const { baseUrl: _, ...shared } = fields
  OptionChecks.check(module, { ...shared, ...own }, options)
  const name = options.name ?? "ollama"
  const model = options.model ?? defaultModel
  const address = Address.make(module, "host", parseHost(module, options.host ?? defaultHost))
  const host = address.shown
  const { numCtx } = options
  const parameters = numCtx === undefined ? options.parameters : { ...options.parameters, num_ctx: numCtx }
  return {
    name,
    model,
    host,
    numCtx,
    body: {
      model,
      truncate: false,
      ...(parameters === undefined ? {} : { options: parameters }),
      ...(options.keepAlive === undefined ? {} : { keep_alive: keepAliveSeconds(options.keepAlive) })
    },
    request: (method, path) => {
      const request = HttpClientRequest.setHeaders(address.request(method, path), options.headers ?? {})
      return options.apiKey === undefined ? request : HttpClientRequest.bearerToken(request, options.apiKey)
    },
    callOf: (client, method) => ({
      module,
      method,
      provider: name,
      client,
      secrets: options.apiKey === undefined ? address.secrets : [options.apiKey, ...address.secrets],
      advice: (kind, status, isApi) => {
        if (status === 404 && !isApi) {
          return `There is no Ollama at the address ${host}. Set OLLAMA_HOST to its root, without /v1 or another path`
        }
        if (kind === "unknownModel") {
          return method === "pull" ? "Look for its name in https://ollama.com/library" : `Run \`ollama pull ${model}\``
        }
        if (kind === "wrongAddress") {
          return `Set OLLAMA_HOST to the address of the server without a path such as /v1, got ${host}`
        }
        if (kind === "keyRejected") return "Set OLLAMA_API_KEY to a valid key of ollama.com"
        if (kind === "outOfMemory") {
          return `Choose a smaller model or quantization than ${model}, lower num_ctx, or free memory on the server`
        }
        if (kind === "loading") return "Wait until the model is loaded; keepAlive keeps it in memory"
        if (kind === "unsupported") {
          return `Choose a model that can: \`ollama show ${model}\` lists what this one can do`
        }
        if (kind === "overloaded") return "Raise OLLAMA_NUM_PARALLEL or OLLAMA_MAX_QUEUE on the server"
        return undefined
      },
      counted: () => undefined,
      unreachable: () => `Ollama does not answer at ${host}. Start it with \`ollama serve\`, or set OLLAMA_HOST`
    })
  }
}
