/**
 * Digests of bytes as they go by: those of RFC 9530 that a response announces, and one that the caller knows. Of the
 * algorithms those two are verified that are not deprecated; others are passed over.
 *
 * Guarded by `test/download/toFile.test.ts` and `test/download/laws.download.test.ts`.
 */
import type * as Headers from "effect/http/Headers"
import { createHash, type Hash } from "node:crypto"
import { DigestMismatch } from "../../DownloadError.ts"

type Algorithm = "sha-256" | "sha-512"

/** A digest in hexadecimal. */
export interface Expected {
  readonly algorithm: Algorithm
  readonly value: string
}

/** The digests in a `Repr-Digest` or `Content-Digest`: a dictionary of structured fields (RFC 9651). */
export const digestsOf = (headers: Headers.Headers, name: "repr-digest" | "content-digest"): ReadonlyArray<Expected> =>
  Array.from(
    (headers[name] ?? "").matchAll(/(?:^|,)[ \t]*(sha-256|sha-512)=:([A-Za-z0-9+/]+={0,2}):(?=[ \t]*(?:,|;|$))/g),
    ([, algorithm, base64 = ""]): Expected => ({
      algorithm: algorithm === "sha-512" ? "sha-512" : "sha-256",
      value: Buffer.from(base64, "base64").toString("hex")
    })
  )

/** Digests that are being computed, each with what it must come to. */
export class BodyDigest {
  private readonly digests: ReadonlyArray<Expected & { readonly hash: Hash }>

  constructor(expected: ReadonlyArray<Expected>) {
    this.digests = expected.map((one) => ({ ...one, hash: createHash(one.algorithm.replace("-", "")) }))
  }

  get isEmpty(): boolean {
    return this.digests.length === 0
  }

  /** The strongest algorithm that is verified. */
  get algorithm(): Algorithm | undefined {
    return this.digests.find(({ algorithm }) => algorithm === "sha-512")?.algorithm ?? this.digests[0]?.algorithm
  }

  update(bytes: Uint8Array): void {
    for (const { hash } of this.digests) hash.update(bytes)
  }

  /** Ends the computation: the first digest that is not as it must be. */
  mismatch(): DigestMismatch | undefined {
    for (const { algorithm, hash, value } of this.digests) {
      const actual = hash.digest("hex")
      if (actual !== value) return new DigestMismatch({ algorithm, expected: value, actual })
    }
    return undefined
  }

  /** Whether other digests contradict these: the one of ours that differs. */
  contradiction(others: ReadonlyArray<Expected>): DigestMismatch | undefined {
    for (const { algorithm, value } of this.digests) {
      const other = others.find((one) => one.algorithm === algorithm)
      if (other !== undefined && other.value !== value) {
        return new DigestMismatch({ algorithm, expected: value, actual: other.value })
      }
    }
    return undefined
  }
}
