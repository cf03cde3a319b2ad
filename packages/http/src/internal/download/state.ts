/** What a download knows of its representation, and of the response that it reads. */
import type * as Arr from "effect/Array"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import type { BodyResponse } from "../call/bodyResponse.ts"
import type { BodyDigest, Expected } from "./bodyDigest.ts"

export type Chunks = Arr.NonEmptyReadonlyArray<Uint8Array>

/** What there is of a representation, and what shows later that it is still the same. */
export interface Beginning {
  readonly etag: string
  readonly total?: number | undefined
  readonly digests: ReadonlyArray<Expected>
}

/** The content of one response. */
export interface Body {
  readonly response: BodyResponse
  readonly pull: Pull.Pull<Chunks, HttpClientError.HttpClientError>
  readonly scope: Scope.Closeable
  readonly digest: BodyDigest
  readonly length: number | undefined
  received: number
  skip: number
}
