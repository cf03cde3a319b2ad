/**
 * The checks of events.
 *
 * Guarded by `test/System.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"

const { duration, integer, number, oneOf, optional, struct } = Arguments

const time = duration({ min: 0 })
const span = duration({ above: 0 })
const factor = number({ above: 0 })
const share = number({ min: 0, max: 1 })

const types = [
  "outage",
  "brownOut",
  "slowNode",
  "deploy",
  "coldCache",
  "lostPackets",
  "rateLimit",
  "quota",
  "surge"
] as const

const fieldsOf = (services: ReadonlyArray<string>, callers: ReadonlyArray<string>) => {
  const service = oneOf(...services)
  const during = { service, at: time, for: span }
  return {
    outage: struct({
      type: oneOf("outage"),
      ...during,
      hang: optional(share, 0),
      after: optional(time, 0)
    }),
    brownOut: struct({
      type: oneOf("brownOut"),
      ...during,
      slower: optional(factor, 1),
      errors: optional(share, 0)
    }),
    slowNode: struct({
      type: oneOf("slowNode"),
      ...during,
      instances: optional(integer({ min: 1 }), 1),
      slower: factor
    }),
    deploy: struct({
      type: oneOf("deploy"),
      ...during,
      slower: optional(factor, 1),
      warmUp: optional(span, 30_000)
    }),
    coldCache: struct({ type: oneOf("coldCache"), service, at: time }),
    lostPackets: struct({ type: oneOf("lostPackets"), ...during, share: Arguments.share }),
    rateLimit: struct({ type: oneOf("rateLimit"), ...during, rate: factor }),
    quota: struct({
      type: oneOf("quota"),
      ...during,
      requests: integer({ min: 0 }),
      window: optional(span)
    }),
    surge: struct({
      type: oneOf("surge"),
      at: time,
      for: span,
      caller: optional(oneOf(...callers)),
      times: number({ min: 0 })
    })
  }
}

type Fields = ReturnType<typeof fieldsOf>

/** The check of one event, by its type. */
export const eventOf = (
  services: ReadonlyArray<string>,
  callers: ReadonlyArray<string>
): Arguments.Check<ReturnType<Fields[keyof Fields]>> => {
  const fields = fieldsOf(services, callers)
  return (value, place) => {
    const type: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "type") : undefined
    const known = oneOf(...types)(type, place.at("type"))
    // An unknown type has been reported.
    return (known === undefined ? undefined : fields[known](value, place)) as ReturnType<Fields[keyof Fields]>
  }
}
