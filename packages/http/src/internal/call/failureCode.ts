/**
 * The error codes and classes that HTTP clients give, and what each of them means. Codes are part of the contract of
 * Node (`errors.html#nodejs-error-codes`), of libuv, of OpenSSL and of undici (`docs/api/Errors.md`); messages are not,
 * so no message is read here.
 */

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
 * failed) until one of them has a code that means something.
 */
export const meaningOf = (error: unknown, depth = 0): Meaning | undefined => {
  if (typeof error !== "object" || error === null || depth > 8) return undefined
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined
  if (code !== undefined) {
    const is = ofCode(code, "syscall" in error ? error.syscall : undefined)
    if (is !== undefined) return { is, code }
  }
  if ("name" in error && error.name === "TimeoutError") {
    return { is: "headersTimeout", code: "TimeoutError" }
  }
  // What its parser cannot name, undici throws without a code.
  if ("name" in error && error.name === "HTTPParserError") {
    return { is: "protocol", code: "HTTPParserError" }
  }
  if ("errors" in error && Array.isArray(error.errors)) {
    for (const part of error.errors) {
      const meaning = meaningOf(part, depth + 1)
      if (meaning !== undefined) return meaning
    }
  }
  return "cause" in error ? meaningOf(error.cause, depth + 1) : undefined
}

const ofCode = (code: string, syscall: unknown): CodeMeaning | undefined => {
  // One code for two failures: a handshake that got no answer, or an established connection that went silent.
  if (code === "ETIMEDOUT") return syscall === "read" || syscall === "write" ? "lost" : "connectTimeout"
  return meanings[code] ?? families.find(([prefix]) => code.startsWith(prefix))?.[1]
}
