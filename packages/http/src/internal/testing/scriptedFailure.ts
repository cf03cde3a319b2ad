/**
 * The failures that a script plays instead of a response, as a transport would tell them.
 *
 * Guarded by `test/download/laws.download.test.ts` and `test/TestTransport.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as HttpFailure from "../../HttpFailure.ts"

/** The reasons that a transport can fail with before the response's head. */
export type FailureTag = Exclude<
  HttpFailure.Reason["_tag"],
  "StatusFailure" | "BodyCut" | "BodyTimeout" | "ResponseTooLarge"
>

/** A failure by its tag. `requestWritten` is by default what the reason implies. */
export const scriptedFailure = (tag: FailureTag, requestWritten: boolean | undefined): HttpFailure.HttpFailure => {
  const [phase, written] = circumstances[tag]
  return new HttpFailure.HttpFailure({
    reason: reasonOf(tag),
    phase,
    requestWritten: requestWritten ?? written
  })
}

const circumstances: Readonly<Record<FailureTag, readonly [phase: HttpFailure.Phase, written: boolean]>> = {
  DnsFailure: ["connect", false],
  ConnectRefused: ["connect", false],
  ConnectTimeout: ["connect", false],
  TlsFailure: ["connect", false],
  AddressRefused: ["connect", false],
  PoolTimeout: ["pool", false],
  ConnectionReset: ["headers", true],
  HeadersTimeout: ["headers", true],
  ProtocolError: ["headers", true]
}

const reasonOf = (tag: FailureTag): HttpFailure.Reason => {
  switch (tag) {
    case "DnsFailure":
      return new HttpFailure.DnsFailure({ code: "ENOTFOUND" })
    case "ConnectRefused":
      return new HttpFailure.ConnectRefused({ code: "ECONNREFUSED" })
    case "ConnectTimeout":
      return new HttpFailure.ConnectTimeout({ code: "UND_ERR_CONNECT_TIMEOUT" })
    case "TlsFailure":
      return new HttpFailure.TlsFailure({ code: "CERT_HAS_EXPIRED" })
    case "AddressRefused":
      return new HttpFailure.AddressRefused({ address: "169.254.169.254" })
    case "PoolTimeout":
      return new HttpFailure.PoolTimeout({ wait: Duration.seconds(10), queued: 1 })
    case "ConnectionReset":
      return new HttpFailure.ConnectionReset({ code: "ECONNRESET" })
    case "HeadersTimeout":
      return new HttpFailure.HeadersTimeout({ code: "UND_ERR_HEADERS_TIMEOUT" })
    case "ProtocolError":
      return new HttpFailure.ProtocolError({ code: "HPE_INVALID_CONSTANT" })
  }
}
