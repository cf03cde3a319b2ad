/** What the sliders change in a system: the same setting in every policy of it, and the load of every caller. */

/** Where the sliders stand; `undefined` leaves the file's own setting. */
export interface Sliders {
  readonly load: number
  readonly retries: number | undefined
  readonly budget: number | undefined
  readonly timeout: number | undefined
}

export const untouched: Sliders = { load: 1, retries: undefined, budget: undefined, timeout: undefined }

type Data = Readonly<Record<string, unknown>>

const isData = (value: unknown): value is Data => typeof value === "object" && value !== null && !Array.isArray(value)

const policy = (value: unknown, { budget, retries, timeout }: Sliders): Data => {
  const given = isData(value) ? value : {}
  const retry = isData(given["retry"]) ? given["retry"] : undefined
  const times = retries === undefined ? {} : { times: retries }
  const limit = budget === undefined ? {} : { budget: { ratio: budget, minPerSecond: 0.1 } }
  return {
    ...given,
    ...(retry === undefined && retries === undefined ? {} : { retry: { ...retry, ...times, ...limit } }),
    ...(timeout === undefined ? {} : { attemptTimeout: timeout })
  }
}

const isTouched = ({ budget, retries, timeout }: Sliders): boolean =>
  budget !== undefined || retries !== undefined || timeout !== undefined

const call = (value: unknown, sliders: Sliders): unknown => {
  if (!isData(value)) return value
  if (Array.isArray(value["parallel"])) return { parallel: value["parallel"].map((one) => call(one, sliders)) }
  return isTouched(sliders) ? { ...value, policy: policy(value["policy"], sliders) } : value
}

const caller = (value: unknown, sliders: Sliders): unknown => {
  const called = call(value, sliders)
  if (!isData(called)) return called
  const { rate, users } = called
  return {
    ...called,
    ...(typeof rate === "number" ? { rate: rate * sliders.load } : {}),
    ...(typeof users === "number" ? { users: Math.max(1, Math.round(users * sliders.load)) } : {})
  }
}

const entries = (value: unknown, change: (one: unknown) => unknown): unknown =>
  isData(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, change(one)])) : value

/** The system as the sliders have it. Anything that is no system is left for the decoder to reject. */
export const applied = (system: unknown, sliders: Sliders): unknown => {
  if (!isData(system)) return system
  const services = entries(system["services"], (service) =>
    isData(service) && Array.isArray(service["calls"])
      ? { ...service, calls: service["calls"].map((one) => call(one, sliders)) }
      : service)
  return { ...system, services, callers: entries(system["callers"], (one) => caller(one, sliders)) }
}
