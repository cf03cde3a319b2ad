/**
 * What a status means by itself. The rows are apart from those of the vendors: a chain needs them for failures that no provider of
 * this package has read, and the others only with such a provider.
 *
 * Guarded by `test/protocol/refusal/statuses.test.ts` and `test/ProviderFailure.test.ts`.
 */
import { transientStatuses } from "@holdfast/http/ServerHints"
import type { Kind } from "./kinds.ts"
import type { Signal } from "./vendors/signal.ts"

const rfc9110 = "https://www.rfc-editor.org/rfc/rfc9110#section-15"
const rfc6585 = "https://www.rfc-editor.org/rfc/rfc6585"
const openAi = "https://platform.openai.com/docs/guides/error-codes"

export const statuses: ReadonlyArray<Signal> = [
  {
    server: "Cloudflare",
    kind: "serverError",
    status: [520, 521, 522, 523, 524, 525, 526, 527, 530],
    source: "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/"
  },
  { server: "any", kind: "keyRejected", status: 401, source: rfc9110 },
  { server: "any", kind: "quotaSpent", status: 402, source: openAi },
  { server: "any", kind: "permissionDenied", status: [403, 407], source: rfc9110 },
  { server: "any", kind: "wrongAddress", status: 405, source: rfc9110 },
  { server: "any", kind: "transient", status: [408, 409, 425, 499], source: rfc9110 },
  {
    server: "any",
    // A model behind the API failed: Bedrock and TGI.
    kind: "transient",
    status: 424,
    source: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html"
  },
  { server: "any", kind: "unknownModel", status: 410, source: rfc9110 },
  { server: "any", kind: "contextOverflow", status: 413, source: rfc9110 },
  { server: "any", kind: "rateLimited", status: 429, source: rfc6585 },
  { server: "any", kind: "regionUnsupported", status: 451, source: "https://www.rfc-editor.org/rfc/rfc7725" },
  { server: "any", kind: "overloaded", status: [498, 503, 529], source: "https://console.groq.com/docs/errors" },
  { server: "any", kind: "unsupported", status: 501, source: rfc9110 },
  { server: "any", kind: "serverError", status: [500, 502, 504, 505, 506, 507, 508, 511, 599], source: rfc9110 }
]

/** Whether a row holds for a status, as far as that decides. */
export const isUnder = (status: number | undefined, wanted: Signal["status"]): boolean =>
  wanted === undefined ||
  (status !== undefined && (typeof wanted === "number" ? status === wanted : wanted.includes(status)))

/**
 * The kind of a refusal of which only the status is known; `undefined` where no row knows it. A status that every HTTP client
 * retries is transient here too, even if no row has it.
 */
export const kindOfStatus = (status: number): Kind | undefined =>
  statuses.find((row) => isUnder(status, row.status))?.kind ??
    (transientStatuses.has(status) ? "transient" : undefined)
