/**
 * The script of trouble: what the server does to its callers, act by act. Pure, so that every client meets the same.
 */

/** What a server that is in trouble does. */
export interface Trouble {
  /** The share of requests that is answered at once with 503. */
  readonly errors: number
  /** The share that is never answered. */
  readonly silence: number
  /** The share whose connection is reset. */
  readonly resets: number
  /** How many requests are worked on at once. The others wait their turn, so latency grows with concurrency. */
  readonly desks: number
}

export interface Act {
  readonly name: string
  readonly millis: number
  readonly trouble: Trouble
}

/** What becomes of a request. */
export type Fate = "answer" | "error" | "silence" | "reset"

/** Calls a second: of what the server can do when it is well, five eighths. */
export const rate = 400

/** How long a desk works on a request, in milliseconds: between these, by chance. */
export const work = { least: 15, most: 35 } as const

const well: Trouble = { errors: 0, silence: 0, resets: 0, desks: 16 }

/** All acts, in their order. `scale` makes them longer or shorter: at 1 they take 42 seconds. */
export const script = (scale: number): ReadonlyArray<Act> =>
  ([
    ["healthy", 5, well],
    ["503s", 5, { ...well, errors: 0.1 }],
    ["silence", 6, { ...well, silence: 0.05 }],
    ["resets", 5, { ...well, resets: 0.1 }],
    ["brown-out", 8, { ...well, desks: 8 }],
    ["outage", 6, { ...well, errors: 1 }],
    ["recovery", 7, well]
  ] as const).map(([name, seconds, trouble]) => ({ name, millis: seconds * 1000 * scale, trouble }))

/**
 * The acts for a first look: 7.5 seconds, so that all clients are through in about a minute. The outage lasts eight times as
 * long as a breaker stays open, and longer than the retries of every client but got take, whose delays add up to 7 seconds:
 * a shorter one would show what a breaker costs and not what it is for.
 */
export const quick: ReadonlyArray<Act> = [
  { name: "healthy", millis: 1000, trouble: well },
  { name: "outage", millis: 4000, trouble: { ...well, errors: 1 } },
  { name: "recovery", millis: 2500, trouble: well }
]

/** How long a script takes. */
export const duration = (acts: ReadonlyArray<Act>): number => acts.reduce((sum, { millis }) => sum + millis, 0)

/** When each act begins. */
export const starts = (acts: ReadonlyArray<Act>): ReadonlyArray<number> =>
  acts.map((_, index) => duration(acts.slice(0, index)))

/** The index of the act at a time; before the first it is the first, after the last the last. */
export const actAt = (acts: ReadonlyArray<Act>, millis: number): number =>
  Math.max(0, starts(acts).findLastIndex((start) => millis >= start))

/** What becomes of a request, from a number between 0 and 1. */
export const fate = ({ errors, resets, silence }: Trouble, draw: number): Fate =>
  draw < errors ? "error" : draw < errors + silence ? "silence" : draw < errors + silence + resets ? "reset" : "answer"

/** How many calls there are, and when each is due: at a fixed rate, whatever became of those before. */
export const arrivals = (acts: ReadonlyArray<Act>): ReadonlyArray<number> =>
  Array.from({ length: Math.floor(duration(acts) * rate / 1000) }, (_, call) => call * 1000 / rate)
