/**
 * What Ollama says about itself and its models, and how it fetches one (`docs/api.md`).
 *
 * Guarded by `test/OllamaProvider.test.ts` and `test/ollama.integration.test.ts`.
 */
import * as Backoff from "@holdfast/core/Backoff"
import type * as AiError from "effect/ai/AiError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Address } from "../../Address.ts"
import type { Capabilities } from "../../Provider.ts"
import { detail } from "../../ProviderFailure.ts"
import * as Decoder from "../protocol/answer/decoder.ts"
import { opt } from "../protocol/field.ts"
import { isJson } from "../protocol/json.ts"
import * as ProviderRequest from "../protocol/request/providerRequest.ts"
import { find } from "./modelName.ts"

/** The progress of a download. */
export interface PullProgress {
  /** Ollama's current step: `"pulling manifest"`, `"pulling a80c4f17acd5"`, `"verifying sha256 digest"`, `"success"`. */
  readonly status: string
  /** Bytes downloaded of all layers known so far. It never decreases. */
  readonly completed: number
  /** Total bytes of all layers known so far. */
  readonly total: number
}

/** The server's information about itself and the model. */
export interface Inspection {
  readonly version: string
  /** The names of all models that are installed. */
  readonly models: ReadonlyArray<string>
  /**
   * The model's capabilities. `contextWindow` is `numCtx`, else the context that it is loaded with, else its longest.
   */
  readonly capabilities: Capabilities
  /** Whether the model is loaded, so that an answer does not wait for that. */
  readonly loaded: boolean
  /** The model's longest context in tokens, whatever the server's setting. */
  readonly contextLength: number | undefined
  /** Whether the model can think. */
  readonly thinking: boolean
}

/** A server, and the model that it is asked for. */
export interface Server {
  readonly host: string
  readonly model: string
  readonly numCtx: number | undefined
  readonly call: ProviderRequest.ProviderRequest
  readonly request: Address["request"]
}

const Version = Schema.Struct({ version: Schema.String })
const Tags = Schema.Struct({
  models: Schema.Array(Schema.Struct({ name: Schema.String, digest: opt(Schema.String) }))
})
const Show = Schema.Struct({
  capabilities: opt(Schema.Array(Schema.String)),
  model_info: opt(Schema.Record(Schema.String, Schema.Unknown))
})
const Running = Schema.Struct({
  models: opt(Schema.Array(
    Schema.Struct({ name: Schema.String, digest: opt(Schema.String), context_length: opt(Schema.Finite) })
  ))
})

const contextLength = (info: Readonly<Record<string, unknown>>): number | undefined => {
  const entry = Object.entries(info).find(([key]) => key.endsWith(".context_length"))
  return typeof entry?.[1] === "number" ? entry[1] : undefined
}

/** Lists the models that are installed. */
export const installed = ({ call, request }: Pick<Server, "call" | "request">) =>
  Effect.map(ProviderRequest.json(call, request("GET", "/api/tags"), Tags), ({ models }) => models)

/** Looks whether the server runs, whether the model is there, what it can do, and with which context it is loaded. */
export const inspect = Effect.fnUntraced(function*(server: Server): Effect.fn.Return<Inspection, AiError.AiError> {
  const { call, host, model, numCtx, request } = server
  const get = <A>(path: string, schema: Schema.ConstraintDecoder<A>) =>
    ProviderRequest.json(call, request("GET", path), schema)
  const { version } = yield* get("/api/version", Version)
  const known = yield* installed(server)
  const models = known.map(({ name }) => name)
  // The server knows a model by more names than it lists: in any case, with its registry, as an alias.
  const show = yield* ProviderRequest.json(
    call,
    HttpClientRequest.bodyJsonUnsafe(request("POST", "/api/show"), { model }),
    Show
  ).pipe(
    Effect.catchIf(({ reason }) => detail(reason).status === 404, () => {
      const advice = `Run \`ollama pull ${model}\``
      return Effect.fail(ProviderRequest.missingModel(call, { url: host, model, has: models, advice }))
    })
  )
  // Old servers do not tell what they have loaded.
  const running = yield* get("/api/ps", Running).pipe(
    Effect.catchIf((error) => detail(error.reason).status === 404, () => Effect.succeed({ models: [] }))
  )
  const loaded = find(model, known, running.models ?? [])
  const can = show.capabilities ?? []
  const longest = contextLength(show.model_info ?? {})
  return {
    version,
    models,
    thinking: can.includes("thinking"),
    loaded: loaded !== undefined,
    contextLength: longest,
    capabilities: {
      tools: can.includes("tools"),
      images: can.includes("vision"),
      structuredOutput: true,
      contextWindow: numCtx ?? loaded?.context_length ?? longest
    }
  }
})

// -----------------------------------------------------------------------------
// Pull
// -----------------------------------------------------------------------------

const PullLine = Schema.Struct({
  status: opt(Schema.String),
  digest: opt(Schema.String),
  total: opt(Schema.Finite),
  completed: opt(Schema.Finite),
  error: opt(Schema.Unknown)
})
const decodePullLine = Schema.decodeUnknownEffect(Schema.fromJsonString(PullLine))

/** A download that broke off, at the registry or on the way from the server. */
const mayResume = ({ reason }: AiError.AiError): boolean =>
  reason._tag === "NetworkError" || reason._tag === "InternalProviderError"

/**
 * Downloads the model. Ollama keeps the parts that it has, so a download that broke off is requested again and resumes: up to five
 * times without progress, with the delays of `Backoff.exponential()`.
 */
export const pull = (
  { call, host, model, request }: Server
): Stream.Stream<PullProgress, AiError.AiError> =>
  Stream.suspend(() => {
    const errors = ProviderRequest.errors(call, `${host}/api/pull`)
    const layers = new Map<string, { readonly completed: number; readonly total: number }>()
    const told = new Set<string>()
    let furthest = -1

    /** The new progress in a line. A resumed download repeats lines: they are not reported again and do not count as progress. */
    const toProgress = (line: typeof PullLine.Type): ReadonlyArray<PullProgress> => {
      const status = line.status ?? ""
      if (typeof line.digest === "string") {
        const known = layers.get(line.digest)
        layers.set(line.digest, {
          completed: Math.max(line.completed ?? 0, known?.completed ?? 0),
          total: line.total ?? known?.total ?? 0
        })
      }
      let completed = 0
      let total = 0
      for (const layer of layers.values()) {
        completed += layer.completed
        total += layer.total
      }
      if (told.has(status) && completed <= furthest) return []
      told.add(status)
      furthest = completed
      return [{ status, completed, total }]
    }

    const attempt = Stream.unwrap(Effect.gen(function*() {
      const body = { model, stream: true }
      const response = yield* ProviderRequest.open(
        call,
        HttpClientRequest.bodyJsonUnsafe(request("POST", "/api/pull"), body)
      )
      const decoder = Decoder.lines()
      let isWhole = false
      const read = Effect.fnUntraced(function*(take: (onLine: (line: string) => void) => void) {
        const lines: Array<string> = []
        take((line) => lines.push(line))
        const progress: Array<PullProgress> = []
        for (const text of lines) {
          const line = yield* Effect.mapError(
            decodePullLine(text),
            () => errors.unreadable("a line of the download is not in Ollama's format")
          )
          if (line.error !== undefined && line.error !== null) {
            return yield* errors.inBand({ error: line.error }, yield* Clock.currentTimeMillis)
          }
          isWhole ||= line.status === "success"
          progress.push(...toProgress(line))
        }
        return decoder.overflowed() ? yield* errors.tooLarge("a line or an event", Decoder.defaultLimit) : progress
      })
      return ProviderRequest.bytes(call, response).pipe(
        Stream.mapEffect((bytes) => read((onLine) => decoder.feed(bytes, ({ data }) => onLine(data)))),
        Stream.flattenIterable,
        // A last line without its line end still counts, if it is whole.
        Stream.concat(Stream.fromIterableEffect(read((onLine) =>
          decoder.end(({ data: line }) => {
            if (isJson(line)) onLine(line)
          })
        ))),
        Stream.concat(Stream.suspend(() => isWhole ? Stream.empty : Stream.fail(errors.cut("status: success"))))
      )
    }))

    return Stream.retry(
      attempt,
      Backoff.exponential().pipe(
        Schedule.upTo({ times: 5 }),
        Schedule.while(({ input }: { readonly input: AiError.AiError }) => mayResume(input))
      )
    )
  })
