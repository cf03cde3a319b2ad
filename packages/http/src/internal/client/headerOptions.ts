/**
 * Checks of headers in options. No message shows a value, which may be a secret.
 *
 * Guarded by `test/client/secrets.test.ts` and `test/client/requestHeaders.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Redacted from "effect/Redacted"

/** A name that a header may have (RFC 9110 section 5.1). */
export const headerName: Arguments.Check<string> = (value, place) => {
  if (typeof value !== "string" || !/^[\w!#$%&'*+.^`|~-]+$/.test(value)) {
    place.fault(`must be the name of a header, got ${Arguments.show(value)}`)
  }
  return String(value)
}

/** A value that a header may have (RFC 9110 section 5.5). */
export const headerValue: Arguments.Check<string> = (value, place) => {
  const text = Arguments.secret(Arguments.string)(value, place)
  if (typeof text !== "string") return text
  if (/[\0\r\n]/.test(text)) place.fault("must be a single line, got one with a line break")
  // A header is sent byte by byte.
  else if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) place.fault("must have visible characters up to U+00FF, got another")
  return text
}

/** A value that is a secret if it is `Redacted`. */
const headerSecret: Arguments.Check<unknown> = (value, place) => {
  headerValue(Redacted.isRedacted(value) ? Redacted.value(value) : value, place)
  return value
}

/** Headers by name. */
export const headersOption: Arguments.Check<unknown> = (value, place) => {
  const headers = Arguments.record(headerSecret)(value, place)
  for (const name of Object.keys(headers ?? {})) headerName(name, place.at(name))
  return headers
}

const redacted = Arguments.secret(Arguments.instance(Redacted.isRedacted, "a Redacted, as Redacted.make makes one"))

/** A secret that becomes the value of a header. */
export const secretOption: Arguments.Check<unknown> = (value, place) => {
  if (Redacted.isRedacted(value)) {
    headerSecret(value, place)
    if (Redacted.value(value) === "") place.fault("must not be empty, as that of a variable which is not set")
  } else redacted(value, place)
  return value
}
