/**
 * The sliders of a system, and what they change in it.
 *
 * Some change the same setting in every policy: retries, budget, timeout. The others belong to one place of the system: how long
 * an event lasts, the limits of a model, the weight of a pool's member, when a chain hedges.
 */

/** Where the sliders stand, by the key of their control. A slider that is missing leaves the file's own setting. */
export type Sliders = Readonly<Record<string, number>>

export const untouched: Sliders = {}

type Unit = "times" | "count" | "share" | "seconds"

export interface Control {
  readonly key: string
  readonly label: string
  readonly unit: Unit
  readonly min: number
  readonly max: number
  readonly step: number
  /** Where the slider stands before it is moved: the file's own setting, if it has one number. */
  readonly start: number
}

type Data = Readonly<Record<string, unknown>>

const isData = (value: unknown): value is Data => typeof value === "object" && value !== null && !Array.isArray(value)

const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key) ? Reflect.get(inner, key) : undefined,
    value
  )

const entriesAt = (value: unknown, ...path: ReadonlyArray<string>): ReadonlyArray<readonly [string, unknown]> => {
  const inner = at(value, ...path)
  return typeof inner === "object" && inner !== null ? Object.entries(inner) : []
}

/** A copy with another value at a path, along which every object has the key already, but for the last one. */
const put = (value: unknown, [key, ...rest]: ReadonlyArray<string>, next: unknown): unknown => {
  if (key === undefined) return next
  const inner = put(at(value, key), rest, next)
  if (Array.isArray(value)) return value.map((one: unknown, i) => `${i}` === key ? inner : one)
  return { ...(isData(value) ? value : {}), [key]: inner }
}

const seconds: Readonly<Record<string, number>> = {
  s: 1,
  second: 1,
  m: 60,
  min: 60,
  minute: 60,
  h: 3_600,
  hour: 3_600,
  milli: 0.001,
  ms: 0.001
}

/** A duration of a file in seconds: a number, or a number with a unit. */
const secondsOf = (value: unknown): number | undefined => {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]+?)s?$/u.exec(String(value)) ?? []
  const each = seconds[unit] ?? seconds[`${unit}s`]
  return count === undefined || each === undefined ? undefined : Number(count) * each
}

/** A control of one place of the system. */
interface Placed extends Control {
  readonly path: ReadonlyArray<string>
}

const placed = (
  path: ReadonlyArray<string>,
  label: string,
  unit: Unit,
  start: number,
  [min, max, step]: readonly [number, number, number]
): Placed => ({ path, key: path.join("."), label, unit, start, min, max, step })

/** More sliders than these bury the page. */
const most = 12

const eventControls = (system: Data): ReadonlyArray<Placed> =>
  entriesAt(system, "events").flatMap(([i, event]) => {
    const [length, type, service] = [secondsOf(at(event, "for")), at(event, "type"), at(event, "service")]
    if (length === undefined || length <= 0 || typeof type !== "string") return []
    const words = `${type.replaceAll(/[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`)}${
      typeof service === "string" ? ` of ${service}` : ""
    }`
    const step = length >= 20 ? 5 : 1
    const most = Math.ceil(length * 3 / step) * step
    const lengths = [placed(["events", i, "for"], `Length of the ${words}`, "seconds", length, [0, most, step])]
    const requests = at(event, "requests")
    return typeof requests !== "number" || !(requests > 0)
      ? lengths
      : lengths.concat(
        placed(["events", i, "requests"], `Requests in the ${words}`, "count", requests, [1, requests * 5, 1])
      )
  })

const limitControls = (system: Data): ReadonlyArray<Placed> =>
  entriesAt(system, "services").flatMap(([name, service]) =>
    (["tokensPerMinute", "requestsPerMinute"] as const).flatMap((key) => {
      const limit = at(service, "model", key)
      if (typeof limit !== "number" || !(limit > 0)) return []
      const step = Math.max(1, Math.round(limit / 20))
      const words = key === "tokensPerMinute" ? "tokens" : "requests"
      return [
        placed(["services", name, "model", key], `Limit of ${name}, ${words} a minute`, "count", limit, [
          step,
          step * 60,
          step
        ])
      ]
    })
  )

const chainControls = (system: Data): ReadonlyArray<Placed> =>
  entriesAt(system, "chains").flatMap(([chain, options]) => {
    const weights = entriesAt(options, "providers").flatMap(([i, provider]) =>
      entriesAt(provider, "pool").flatMap(([j, member]) => {
        const [weight, service] = [at(member, "weight"), at(member, "service")]
        return typeof weight === "number" && typeof service === "string"
          ? [
            placed(["chains", chain, "providers", i, "pool", j, "weight"], `Weight of ${service}`, "count", weight, [
              1,
              20,
              1
            ])
          ]
          : []
      })
    )
    const cooldown = secondsOf(at(options, "cooldown"))
    const after = secondsOf(at(options, "hedge", "after"))
    const cooldowns = cooldown === undefined
      ? []
      : [placed(["chains", chain, "cooldown"], `Cool-down of ${chain}`, "seconds", cooldown, [0, 300, 5])]
    const hedges = after === undefined
      ? []
      : [placed(["chains", chain, "hedge", "after"], `Hedge of ${chain} after`, "seconds", after, [0.5, 20, 0.5])]
    return weights.concat(cooldowns, hedges)
  })

const placedControls = (system: Data): ReadonlyArray<Placed> => {
  const all = [...eventControls(system), ...limitControls(system), ...chainControls(system)].slice(0, most)
  return all.filter(({ key }, i) => all.findIndex((other) => other.key === key) === i)
}

const policyControls: ReadonlyArray<Control> = [
  { key: "retries", label: "Retries of a call", unit: "count", min: 0, max: 10, step: 1, start: 2 },
  { key: "budget", label: "Retry budget, of the calls", unit: "share", min: 0, max: 1, step: 0.05, start: 0.2 }
]
const timeout: Control = {
  key: "timeout",
  label: "Attempt timeout",
  unit: "seconds",
  min: 0.1,
  max: 20,
  step: 0.1,
  start: 2
}
const load: Control = { key: "load", label: "Load", unit: "times", min: 0.1, max: 3, step: 0.1, start: 1 }

/** Every call that the system makes to a service, of callers and services. */
const callsOf = (system: Data): ReadonlyArray<unknown> =>
  [
    ...entriesAt(system, "callers"),
    ...entriesAt(system, "services").flatMap(([, service]) => entriesAt(service, "calls"))
  ].flatMap(([, one]) => [one].concat(entriesAt(one, "parallel").map(([, inner]) => inner)))

const isToService = (system: Data) => (call: unknown): boolean => {
  const to = at(call, "to")
  return typeof to === "string" && at(system, "chains", to) === undefined
}

/** The sliders of a system. */
export const controlsOf = (system: unknown): ReadonlyArray<Control> => {
  if (!isData(system)) return []
  const hasCalls = callsOf(system).some(isToService(system))
  return [
    load,
    ...(hasCalls || isData(system["chains"]) ? policyControls : []),
    ...(hasCalls ? [timeout] : []),
    ...placedControls(system)
  ]
}

const policy = (value: unknown, { budget, retries, timeout }: Sliders, attempt: (timeout: number) => Data): Data => {
  const given = isData(value) ? value : {}
  const retry = isData(given["retry"]) ? given["retry"] : undefined
  const times = retries === undefined ? {} : { times: retries }
  const limit = budget === undefined ? {} : { budget: { ratio: budget, minPerSecond: 0.1 } }
  return {
    ...given,
    ...(retry === undefined && retries === undefined ? {} : { retry: { ...retry, ...times, ...limit } }),
    ...(timeout === undefined ? {} : attempt(timeout))
  }
}

const call = (value: unknown, sliders: Sliders, isReached: (call: unknown) => boolean): unknown => {
  if (!isData(value)) return value
  if (Array.isArray(value["parallel"])) {
    return { ...value, parallel: value["parallel"].map((one) => call(one, sliders, isReached)) }
  }
  const { http } = value
  if (!isReached(value)) return value
  if (!isData(http)) {
    return { ...value, policy: policy(value["policy"], sliders, (attemptTimeout) => ({ attemptTimeout })) }
  }
  const given = at(http, "policy", "timeouts")
  const attempt = (attempt: number) => ({ timeouts: { ...(isData(given) ? given : {}), attempt } })
  return { ...value, http: { ...http, policy: policy(http["policy"], sliders, attempt) } }
}

const chain = (value: unknown, { budget, retries }: Sliders): unknown => {
  if (!isData(value)) return value
  const retry = isData(value["retry"]) ? value["retry"] : {}
  return {
    ...value,
    ...(retries === undefined ? {} : { retry: { ...retry, times: retries } }),
    ...(budget === undefined ? {} : { retryBudget: { ratio: budget, minPerSecond: 0.1 } })
  }
}

const caller = (value: unknown, factor: number): unknown => {
  if (!isData(value)) return value
  const { rate, users } = value
  return {
    ...value,
    ...(typeof rate === "number" ? { rate: rate * factor } : {}),
    ...(typeof users === "number" ? { users: Math.max(1, Math.round(users * factor)) } : {})
  }
}

const entries = (value: unknown, change: (one: unknown) => unknown): unknown =>
  isData(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, change(one)])) : value

/** A value between the ends of its slider: a link may have any. */
export const inRange = ({ max, min }: Control, value: number): number => Math.min(max, Math.max(min, value))

/** The system as the sliders have it. Anything that is no system is left for the decoder to reject. */
export const applied = (system: unknown, given: Sliders): unknown => {
  if (!isData(system)) return system
  const controls = controlsOf(system)
  const sliders: Sliders = Object.fromEntries(controls.flatMap((control) => {
    const value = Object.hasOwn(given, control.key) ? given[control.key] : undefined
    return value === undefined ? [] : [[control.key, inRange(control, value)]]
  }))
  let changed = system
  if (["retries", "budget", "timeout"].some((key) => sliders[key] !== undefined)) {
    const one = (value: unknown) => call(value, sliders, isToService(system))
    changed = {
      ...changed,
      services: entries(
        changed["services"],
        (service) =>
          isData(service) && Array.isArray(service["calls"])
            ? { ...service, calls: service["calls"].map(one) }
            : service
      ),
      callers: entries(changed["callers"], one),
      ...(changed["chains"] === undefined
        ? {}
        : { chains: entries(changed["chains"], (value) => chain(value, sliders)) })
    }
  }
  const { load: factor } = sliders
  if (factor !== undefined) {
    changed = {
      ...changed,
      callers: entries(changed["callers"], (value) => caller(value, factor))
    }
  }
  for (const { key, path } of placedControls(system)) {
    if (sliders[key] !== undefined) changed = put(changed, path, sliders[key]) as Data
  }
  // An event that lasts no time does not happen.
  const { events } = changed
  return Array.isArray(events) ? { ...changed, events: events.filter((event) => at(event, "for") !== 0) } : changed
}
