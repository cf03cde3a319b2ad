/**
 * The error codes and classes that HTTP clients give, and what each of them means. Codes are part of the contract of
 * Node (`errors.html#nodejs-error-codes`), of libuv, of OpenSSL and of undici (`docs/api/Errors.md`); messages are not,
 * so no message is read where there is a code. Other runtimes give no codes: what their `fetch` says instead is told apart
 * by the phrases that it has, as recorded in `test/call/fetchFailures.ts`.
 *
 * Guarded by `test/HttpFailure.test.ts` and `test/call/fetchFailures.test.ts`.
 */
import { causesOf, isA, read, readText, withCauses } from "../foreignError.ts"

/** What a code says by itself, before the phase is looked at. */
type CodeMeaning =
  | "dns"
  | "refused"
  | "connectTimeout"
  | "tls"
  | "lost"
  | "headersTimeout"
  | "bodyTimeout"
  | "cut"
  | "protocol"
  | "encode"

const meanings: Readonly<Record<string, CodeMeaning>> = {
  ENOTFOUND: "dns",
  ENODATA: "dns",
  ESERVFAIL: "dns",
  EBADNAME: "dns",
  EDNS: "dns",

  ECONNREFUSED: "refused",
  EHOSTUNREACH: "refused",
  EHOSTDOWN: "refused",
  ENETUNREACH: "refused",
  ENETDOWN: "refused",
  EADDRNOTAVAIL: "refused",

  UND_ERR_CONNECT_TIMEOUT: "connectTimeout",

  EPROTO: "tls",
  UND_ERR_PRX_TLS: "tls",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls",
  SELF_SIGNED_CERT_IN_CHAIN: "tls",
  HOSTNAME_MISMATCH: "tls",
  INVALID_CA: "tls",

  ECONNRESET: "lost",
  ECONNABORTED: "lost",
  EPIPE: "lost",
  UND_ERR_SOCKET: "lost",
  UND_ERR_INFO: "lost",
  UND_ERR_DESTROYED: "lost",
  UND_ERR_CLOSED: "lost",
  ERR_STREAM_PREMATURE_CLOSE: "lost",

  UND_ERR_HEADERS_TIMEOUT: "headersTimeout",
  UND_ERR_BODY_TIMEOUT: "bodyTimeout",

  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "cut",
  HPE_INVALID_EOF_STATE: "cut",

  UND_ERR_HEADERS_OVERFLOW: "protocol",
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "protocol",
  ERR_INVALID_PROTOCOL: "protocol",

  // Bun's own.
  ConnectionRefused: "refused",
  FailedToOpenSocket: "refused",
  ConnectionClosed: "lost",
  Malformed_HTTP_Response: "protocol",

  UND_ERR_INVALID_ARG: "encode",
  UND_ERR_NOT_SUPPORTED: "encode",
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: "encode",
  ERR_INVALID_CHAR: "encode",
  ERR_HTTP_INVALID_HEADER_VALUE: "encode",
  ERR_INVALID_HTTP_TOKEN: "encode"
}

const families: ReadonlyArray<readonly [prefix: string, meaning: CodeMeaning]> = [
  ["EAI_", "dns"],
  ["ERR_TLS_", "tls"],
  ["ERR_SSL_", "tls"],
  ["ERR_OSSL_", "tls"],
  ["CERT_", "tls"],
  ["CRL_", "tls"],
  ["UNABLE_TO_", "tls"],
  ["ERROR_IN_", "tls"],
  ["HPE_", "protocol"],
  ["ERR_HTTP2_", "lost"]
]

/** What one error says about itself, with the code that said so. */
export interface Meaning {
  readonly is: CodeMeaning
  readonly code: string
}

/**
 * Walks an error, its causes and the parts of an `AggregateError` (one an address, when every address of a name
 * failed) until one of them has a code that means something. Without one, the innermost phrase decides.
 */
export const meaningOf = (error: unknown): Meaning | undefined => {
  for (const one of withCauses(error)) {
    const meaning = byCode(one)
    if (meaning !== undefined) return meaning
  }
  return byPhrase(error)
}

const byCode = (error: object): Meaning | undefined => {
  const code = codeOf(error)
  const is = code === undefined ? undefined : ofCode(code, read(error, "syscall"))
  if (is !== undefined && code !== undefined) return { is, code }
  switch (read(error, "name")) {
    case "TimeoutError":
      return { is: "headersTimeout", code: "TimeoutError" }
    // undici throws without a code where its parser cannot name the fault.
    case "HTTPParserError":
      return { is: "protocol", code: "HTTPParserError" }
    default:
      return undefined
  }
}

/** The code of an error, if it has one. */
export const codeOf = (error: object): string | undefined => readText(error, "code")

/**
 * What `fetch` says where it gives no code: Deno (the words of hyper and rustls), workerd, and the browsers, which say
 * no more of any failure than that there was one.
 */
const phrases: ReadonlyArray<readonly [phrase: RegExp, is: CodeMeaning, code: string]> = [
  [/client error \(Connect\): dns error/, "dns", "dns error"],
  [/client error \(Connect\): tcp connect error: .*\(os error 110\)/, "connectTimeout", "connect timed out"],
  [/client error \(Connect\): tcp connect error/, "refused", "tcp connect error"],
  [/client error \(Connect\)/, "tls", "handshake failed"],
  [/client error \(SendRequest\): (?:invalid|message head is too large)/, "protocol", "invalid response"],
  [/connection closed before message completed/, "lost", "connection closed"],
  [/\(os error (?:32|103|104)\)/, "lost", "connection reset"],
  [/^error reading a body from connection/, "lost", "body cut"],
  [/^(?:Network connection lost|internal error; reference)/, "lost", "network connection lost"],
  [/^(?:Failed to fetch|network error)$/, "lost", "network error"],
  [/^NetworkError when attempting to fetch resource/, "lost", "network error"],
  [/^(?:Load failed|The network connection was lost)/, "lost", "network error"],
  [/^(?:fetch failed|terminated)$/, "lost", "fetch failed"]
]

/** By the innermost error that says anything: what it was wrapped in says less. */
const byPhrase = (error: unknown): Meaning | undefined => {
  for (const one of causesOf(error).toReversed()) {
    if (!isA(one, Error) || codeOf(one) !== undefined) continue
    const message = readText(one, "message") ?? ""
    const [, is, code] = phrases.find(([phrase]) => phrase.test(message)) ?? []
    if (is !== undefined && code !== undefined) return { is, code }
  }
  return undefined
}

const ofCode = (code: string, syscall: unknown): CodeMeaning | undefined => {
  // One code for two failures: a handshake that got no answer, or an established connection that went silent.
  if (code === "ETIMEDOUT") return syscall === "read" || syscall === "write" ? "lost" : "connectTimeout"
  return meanings[code] ?? families.find(([prefix]) => code.startsWith(prefix))?.[1]
}
