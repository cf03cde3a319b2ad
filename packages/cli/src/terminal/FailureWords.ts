/**
 * Why a provider did not answer, or a file could not be used, in the few words that a line of a terminal has room for.
 */
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import type * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import type { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import { inOneLine } from "./paragraph.ts"

const transportWords: { readonly [Tag in HttpFailure.Reason["_tag"]]: string } = {
  DnsFailure: "host name unknown",
  ConnectRefused: "connection refused",
  ConnectTimeout: "no connection in time",
  TlsFailure: "TLS handshake failed",
  ConnectionReset: "connection reset",
  PoolTimeout: "no free connection",
  HeadersTimeout: "no answer in time",
  BodyTimeout: "the answer stalled",
  BodyCut: "the answer was cut",
  ProtocolError: "not HTTP",
  ResponseTooLarge: "the answer is too large",
  AddressRefused: "address refused",
  StatusFailure: "refused"
}

/** The transport's own failure, however deep it is wrapped. */
const transportFailure = (reason: unknown): HttpFailure.HttpFailure | undefined => {
  for (let error = reason, depth = 0; depth < 8; depth++) {
    if (HttpFailure.isHttpFailure(error)) {
      return error
    }
    if (Predicate.hasProperty(error, "cause") && error.cause !== undefined) {
      error = error.cause
    } else if (Predicate.hasProperty(error, "reason")) {
      error = error.reason
    } else {
      return undefined
    }
  }
  return undefined
}

/** Why a file can be neither read nor written, in the system's own words where it has any: `EISDIR: ...`. */
export const ofFile = ({ reason }: PlatformError): string =>
  Predicate.isError(reason.cause) ? firstLine(reason.cause.message) : reason._tag

/** The first line alone: what follows is an excerpt of a file, or a stack. */
export const firstLine = (text: string): string => text.split("\n", 1)[0] ?? ""

/** Few words, the same for the same failure: no port, no id, no time that was measured. */
export const brief = (reason: AiError.AiErrorReason): string => {
  const transport = transportFailure(reason)
  if (transport !== undefined) {
    return transportWords[transport.reason._tag]
  }
  const { retryAfter, status } = ProviderFailure.detail(reason)
  if (reason._tag === "QuotaExhaustedError") {
    return `${status ?? 429}, quota spent`
  }
  if (status !== undefined) {
    return retryAfter === undefined ? `${status}` : `${status}, try again in ${Duration.format(retryAfter)}`
  }
  return sentence(reason)
}

/** What the provider said and what to do about it, in one line. */
export const sentence = (reason: AiError.AiErrorReason): string => {
  const said = inOneLine(
    "description" in reason && reason.description !== undefined ? reason.description : reason.message
  )
  const transport = transportFailure(reason)
  return transport === undefined ? said : `${said} (${transportWords[transport.reason._tag]})`
}
