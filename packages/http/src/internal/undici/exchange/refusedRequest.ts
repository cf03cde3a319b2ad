/**
 * Why undici refuses to send a request, in words that name the culprit and never its value.
 *
 * Guarded by `test/undici/requests.test.ts` and `test/UndiciTransport.test.ts`.
 */
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import { validateHeaderName, validateHeaderValue } from "node:http"

export const describeRefusal = ({ headers }: HttpClientRequest.HttpClientRequest, error: Error): string => {
  for (const name in headers) {
    if (throws(() => validateHeaderName(name))) {
      return `${
        JSON.stringify(name)
      } is not a name for a header: RFC 9110 section 5.6.2 allows letters, digits and !#$%&'*+-.^_\`|~`
    }
    if (throws(() => validateHeaderValue(name, headers[name] ?? ""))) {
      return `The value of the header ${name} has a line break or another character that a header cannot have`
    }
  }
  return error.message
}

const throws = (f: () => void): boolean => {
  try {
    f()
    return false
  } catch {
    return true
  }
}
