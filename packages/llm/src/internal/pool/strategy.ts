/**
 * The order in which a pool's members are asked: pure functions of what is known of the members, of the time, of chance and of
 * the session. A member that is warming up after a cool-down, or has no room left, goes to the end.
 *
 * Guarded by `test/pool/strategy.test.ts` and `test/pool/Pool.test.ts`.
 */
import * as Hash from "effect/Hash"
import type { MemberLoad } from "./load.ts"

/** How a pool chooses the member that is asked first. */
export type Strategy = "inOrder" | "weighted" | "leastBusy" | "fastest" | "cheapest" | "sticky"

export const strategies: ReadonlyArray<Strategy> = ["inOrder", "weighted", "leastBusy", "fastest", "cheapest", "sticky"]

/** A member as a strategy sees it. */
export interface Candidate {
  readonly name: string
  readonly weight: number
  /** The sum of the prices of a million tokens of input and of output. */
  readonly price: number | undefined
  readonly load: MemberLoad
}

/** What an order depends on, besides the members. */
export interface Situation {
  readonly now: number
  /** How the duration of an answer is measured: to its first content if it is streamed, otherwise to its end. */
  readonly method: "generateText" | "streamText" | "embedMany"
  /** The tokens that the request sends, about. */
  readonly input: number
  readonly session: string | undefined
  /** A number from 0 to 1, drawn anew at each call. */
  readonly random: () => number
}

/**
 * The key of a weighted draw without replacement: the members sorted by it are a draw. From P. Efraimidis and P. Spirakis,
 * "Weighted random sampling with a reservoir" (2006).
 */
const draw = (weight: number, chance: number): number => -Math.log(1 - chance) / weight

/**
 * Rendezvous hashing with weights: a session keeps its member, and only the sessions of a member that is gone move. From C.
 * Schindelhauer and G. Schomaker, "Weighted distributed hash tables" (2005).
 */
const rendezvous = (session: string, { name, weight }: Candidate): number =>
  draw(weight, ((Hash.string(`${session} ${name} ${session}`) >>> 0) % 1_000_003) / 1_000_003)

/** The members sorted by a key, the smallest first; equals stay in their order. */
const by = <A>(members: ReadonlyArray<A>, key: (member: A) => number): ReadonlyArray<A> => {
  const keys = new Map(members.map((member) => [member, key(member)]))
  return members.toSorted((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0))
}

const sorted = <A extends Candidate>(
  strategy: Strategy,
  members: ReadonlyArray<A>,
  { method, now, random, session }: Situation
): ReadonlyArray<A> => {
  const drawn = () => by(members, ({ weight }) => draw(weight, random()))
  switch (strategy) {
    case "inOrder":
      return members
    case "weighted":
      return drawn()
    case "leastBusy":
      return by(drawn(), ({ load, weight }) => load.gate.busy / weight)
    case "fastest":
      return by(drawn(), ({ load }) => load.cost(method, now))
    case "cheapest":
      return by(members, ({ price = Infinity }) => price)
    case "sticky":
      return session === undefined ? drawn() : by(members, (member) => rendezvous(session, member))
  }
}

/** The members in the order in which a request asks them. */
export const order = <A extends Candidate>(
  strategy: Strategy,
  members: ReadonlyArray<A>,
  situation: Situation
): ReadonlyArray<A> => {
  const { input, now, random } = situation
  const last = (member: A): number => member.load.room(now, input) > 0 ? 2 : random() < member.load.warmth(now) ? 0 : 1
  return by(sorted(strategy, members, situation), last)
}
