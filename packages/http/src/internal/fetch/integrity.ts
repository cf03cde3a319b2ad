/**
 * Subresource integrity (W3C), over a transport that is not a `fetch`: the whole body is read before the promise resolves, and
 * a body with none of the digests is a network error.
 *
 * Guarded by `test/fetch/contract.test.ts` and `test/fetch/promises.test.ts`.
 */
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Stream from "effect/Stream"
import { StreamResponse } from "../call/streamResponse.ts"
import type { Answer } from "./redirects.ts"

/** The body of a response has none of the digests that the request names. */
export class IntegrityError extends Error {
  override readonly name = "IntegrityError"
}

/** The answer with its body verified. The `fetch` of a platform has verified its own. */
export const verified = (
  answer: Answer,
  integrity: string
): Effect.Effect<Answer, HttpClientError.HttpClientError | IntegrityError> => {
  const { response } = answer
  const digests = strongest(integrity)
  if (response.web !== undefined || digests.length === 0) return Effect.succeed(answer)
  return Effect.gen(function*() {
    const bytes = yield* response.bytes
    const actual = yield* Effect.promise(() => crypto.subtle.digest(digests[0]!.algorithm, Uint8Array.from(bytes)))
    const value = base64(new Uint8Array(actual))
    if (!digests.some((digest) => digest.value === value)) {
      return yield* Effect.fail(new IntegrityError("The body of the response has none of the digests of integrity"))
    }
    return { ...answer, response: new Verified(response, Stream.make(bytes)) }
  })
}

/** A body that was read to be verified, to be read once more. */
class Verified extends StreamResponse {
  private readonly phrase: string

  constructor(...[head, body]: [head: Answer["response"], body: Stream.Stream<Uint8Array>]) {
    super(head, body)
    this.phrase = head.statusText
  }

  override get statusText(): string {
    return this.phrase
  }
}

interface Digest {
  readonly algorithm: "SHA-256" | "SHA-384" | "SHA-512"
  readonly value: string
}

const algorithms = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" } as const

/** The digests of the strongest algorithm that is named. Anything else is skipped, as the standard says. */
const strongest = (integrity: string): ReadonlyArray<Digest> => {
  const digests = integrity.split(/[\t\n\f\r ]+/).flatMap((item): ReadonlyArray<Digest> => {
    const [, name, value] = /^(sha256|sha384|sha512)-([a-z\d+/_-]+={0,2})(?:\?.*)?$/i.exec(item) ?? []
    if (name === undefined || value === undefined) return []
    const algorithm = algorithms[name.toLowerCase() as keyof typeof algorithms]
    return [{ algorithm, value: value.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "") }]
  })
  const best = digests.reduce((most, { algorithm }) => algorithm > most ? algorithm : most, "")
  return digests.filter(({ algorithm }) => algorithm === best)
}

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes)).replace(/=+$/, "")
