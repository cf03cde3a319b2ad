/**
 * Signature Version 4 of a request, by `aws4fetch` (AWS, "Create a signed request").
 *
 * Guarded by `test/bedrock/BedrockProvider.test.ts` and `test/parameters/Parameters.test.ts`.
 */
import { AwsV4Signer } from "aws4fetch"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** Whose request it is. */
export interface Credentials {
  readonly accessKeyId: Redacted.Redacted
  readonly secretAccessKey: Redacted.Redacted
  /** The token of temporary credentials. */
  readonly sessionToken?: Redacted.Redacted | undefined
}

/** The headers that sign a request. */
export const sign = Effect.fnUntraced(function*(
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  region: string,
  request: { readonly method: string; readonly url: string; readonly body: string }
): Effect.fn.Return<Readonly<Record<string, string>>> {
  const now = DateTime.formatIso(DateTime.makeUnsafe(yield* Clock.currentTimeMillis))
  const signer = new AwsV4Signer({
    method: request.method,
    url: request.url,
    body: request.body,
    accessKeyId: Redacted.value(accessKeyId),
    secretAccessKey: Redacted.value(secretAccessKey),
    ...(sessionToken === undefined ? {} : { sessionToken: Redacted.value(sessionToken) }),
    service: "bedrock",
    region,
    // 20261127T010203Z
    datetime: `${now.slice(0, 19).replaceAll(/[-:]/g, "")}Z`
  })
  const { headers } = yield* Effect.promise(() => signer.sign())
  return Object.fromEntries(
    ["authorization", "x-amz-date", "x-amz-security-token"].flatMap((name) => {
      const value = headers.get(name)
      return value === null ? [] : [[name, value]]
    })
  )
})
