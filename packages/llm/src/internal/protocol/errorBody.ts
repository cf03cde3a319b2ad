/** What a provider says of its error, whichever of the known shapes its body has. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Text = Schema.optional(Schema.NullOr(Schema.String))
const Code = Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Finite])))
const ErrorFields = {
  message: Text,
  type: Text,
  code: Code,
  param: Text,
  details: Schema.optional(Schema.Unknown),
  metadata: Schema.optional(Schema.Unknown)
}

/** `{ error: {...} }`, `{ error: "..." }`, vLLM's `{ object: "error", message }`, FastAPI's `{ detail }`, or the inside. */
const ErrorBody = Schema.Struct({
  ...ErrorFields,
  error: Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Struct(ErrorFields)]))),
  detail: Schema.optional(Schema.Unknown),
  request_id: Text
})

/** Anthropic says in `details` which of its limits was met. */
const decodeDetails = Schema.decodeUnknownOption(Schema.Struct({ error_code: Schema.String }))

/** OpenRouter says in `metadata` what the host behind it said. */
const decodeMetadata = Schema.decodeUnknownOption(Schema.Struct({ raw: Schema.String }))

const decodeErrorBody = Schema.decodeUnknownOption(ErrorBody)
const parseJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** What a provider says of its error. */
export interface ProviderError {
  readonly message: string | undefined
  readonly type: string | undefined
  readonly code: string | undefined
  readonly param: string | undefined
  readonly status: number | undefined
  readonly requestId: string | undefined
}

/** An error of which nothing is said. */
export const noError: ProviderError = {
  message: undefined,
  type: undefined,
  code: undefined,
  param: undefined,
  status: undefined,
  requestId: undefined
}

const statusOf = (code: string | number | null | undefined): number | undefined => {
  const number = typeof code === "string" && /^\d{3}$/.test(code) ? Number(code) : code
  return typeof number === "number" && number >= 400 && number < 600 ? number : undefined
}

/** Reads a body, or the error inside it: text or JSON. */
export const readError = (body: unknown): ProviderError => {
  const json = typeof body === "string" ? Option.getOrElse(parseJson(body), () => body) : body
  if (typeof json === "string") return { ...noError, message: json === "" ? undefined : json }
  const decoded = decodeErrorBody(json)
  if (Option.isNone(decoded)) return noError
  const { detail, error } = decoded.value
  if (typeof error === "string") return { ...noError, message: error }
  const fields = error ?? decoded.value
  const raw = Option.getOrUndefined(decodeMetadata(fields.metadata))?.raw
  const own = fields.message ?? (typeof detail === "string" ? detail : undefined)
  const message = raw === undefined ? own : `${own ?? ""}: ${raw.slice(0, 200)}`
  const details = Option.getOrUndefined(decodeDetails(fields.details))?.error_code
  return {
    message,
    type: fields.type ?? undefined,
    code: fields.code === undefined || fields.code === null ? details : String(fields.code),
    param: fields.param ?? undefined,
    status: statusOf(fields.code),
    requestId: decoded.value.request_id ?? undefined
  }
}

/** The status that an error type stands for when the stream had already begun with 200. */
export const statusByType: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  api_error: 500,
  server_error: 500,
  internal_server_error: 500,
  unavailable_error: 503,
  timeout_error: 504,
  overloaded_error: 529
}
