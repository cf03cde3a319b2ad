/**
 * A second provider beside one that is late. Each visit of a provider is a leg in a fiber and a scope of its own; the first that
 * opens an answer wins, and the others are interrupted, and have closed what they held, before the answer is returned.
 *
 * - A leg that fails while another runs is given up, and the other goes on. When all have failed, so has the visit.
 * - A failure that is final without a hedge is final with one: that of the first leg ends the race at once. One of a hedge
 *   counts only if the first leg fails as well, so a hedge never makes an answer worse.
 *
 * Guarded by `test/chain/hedging.test.ts` and `test/chain/hedging.laws.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { outpaced } from "../pool/place.ts"
import { Ticket } from "../store/ticket.ts"
import type { ChainMember, Visit } from "./member.ts"
import { Repair } from "./repair.ts"
import type { ChainRequest } from "./request.ts"

/** How the visit of a provider ends. */
export type Outcome<A> =
  | { readonly _tag: "Opened"; readonly answer: A }
  | { readonly _tag: "Next" }
  | { readonly _tag: "Failed" }

/** What a race is about. */
interface Course<A, R> {
  readonly request: ChainRequest
  readonly scope: Scope.Scope
  /** The next provider that could answer now, of those that have not been asked. */
  readonly next: () => ChainMember | undefined
  readonly visit: (visit: Visit) => Effect.Effect<Outcome<A>, never, R>
}

interface End<A> {
  readonly leg: Leg
  readonly exit: Exit.Exit<Outcome<A>>
}

interface Leg {
  readonly member: ChainMember
  readonly scope: Scope.Closeable
  fiber: Fiber.Fiber<void> | undefined
}

/** Visits a provider, and others beside it for as long as none has begun to answer. */
export const hedged = <A, R>(first: ChainMember, course: Course<A, R>): Effect.Effect<Outcome<A>, never, R> => {
  const { request } = course
  const { hedge } = first
  return Effect.suspend(() =>
    hedge === undefined || request.hedges >= hedge.machine.max || course.next() === undefined
      ? course.visit(visitOf(course, first, Scope.forkUnsafe(course.scope), 0))
      : Effect.flatMap(Queue.unbounded<End<A>>(), (ends) =>
        Effect.scopedWith((fibers) => new Race(first, hedge.machine, course, fibers, ends).run))
  )
}

const visitOf = (
  course: Pick<Course<never, never>, "request">,
  member: ChainMember,
  scope: Scope.Closeable,
  hedge: number
): Visit => ({
  member,
  scope,
  hedge,
  repair: new Repair(member.repairs),
  ticket: new Ticket(member.gate, course.request.log.now)
})

class Race<A, R> {
  readonly first: ChainMember
  readonly machine: NonNullable<ChainMember["hedge"]>["machine"]
  readonly course: Course<A, R>
  readonly fibers: Scope.Scope
  readonly ends: Queue.Queue<End<A>>
  private readonly legs = new Set<Leg>()
  /** The instant at which the next hedge is due. */
  private due = Infinity
  private delay = Infinity

  constructor(
    first: ChainMember,
    machine: Race<A, R>["machine"],
    course: Course<A, R>,
    fibers: Scope.Scope,
    ends: Queue.Queue<End<A>>
  ) {
    this.first = first
    this.machine = machine
    this.course = course
    this.fibers = fibers
    this.ends = ends
  }

  readonly run: Effect.Effect<Outcome<A>, never, R> = Effect.suspend(() => {
    const { log, method } = this.course.request
    const startedAt = log.now()
    const latencies = this.machine.latencies(method, startedAt)
    this.delay = latencies?.quantile ?? this.machine.peek(undefined)
    let measured = latencies === undefined
    /** Records the time of the first leg once: when it answers, and if it was late, however it ends. */
    const measure = (answered: boolean) => {
      if (measured) return
      measured = true
      const took = log.now() - startedAt
      if (answered) latencies?.record(log.now(), took)
      else latencies?.lost(log.now(), took, this.delay)
    }
    return Effect.andThen(
      this.launch(this.first, 0),
      Effect.onExit(
        this.result((leg, answered) => leg.member === this.first && measure(answered)),
        () => Effect.sync(() => measure(false))
      )
    )
  })

  private launch(member: ChainMember, hedge: number): Effect.Effect<void, never, R> {
    return Effect.suspend(() => {
      const leg: Leg = { member, scope: Scope.forkUnsafe(this.course.scope), fiber: undefined }
      this.legs.add(leg)
      this.due = this.course.request.log.now() + this.delay
      return this.course.visit(visitOf(this.course, member, leg.scope, hedge)).pipe(
        Effect.exit,
        Effect.map((exit) => {
          Queue.offerUnsafe(this.ends, { leg, exit })
        }),
        Effect.forkIn(this.fibers, { startImmediately: true }),
        Effect.map((fiber) => {
          leg.fiber = fiber
        })
      )
    })
  }

  private result(ended: (leg: Leg, answered: boolean) => void): Effect.Effect<Outcome<A>, never, R> {
    return Effect.gen({ self: this }, function*() {
      let last: Outcome<A> = { _tag: "Next" }
      while (true) {
        const end = yield* this.end
        if (Option.isNone(end)) {
          yield* this.hedge
          continue
        }
        const { exit, leg } = end.value
        this.legs.delete(leg)
        // A defect is the request's. The scope of the fibers ends the others.
        if (Exit.isFailure(exit)) return yield* exit
        ended(leg, exit.value._tag === "Opened")
        const isFinal = exit.value._tag === "Opened" || (exit.value._tag === "Failed" && leg.member === this.first)
        if (exit.value._tag === "Failed") last = exit.value
        if (!isFinal && this.legs.size > 0) continue
        yield* Effect.forEach(this.legs, (other) => this.giveUp(other), { concurrency: "unbounded", discard: true })
        return exit.value._tag === "Opened" ? exit.value : last
      }
    })
  }

  /** The end of a leg, or none if a hedge is due before it. */
  private get end() {
    const end = Queue.take(this.ends)
    const { due } = this
    return due === Infinity
      ? Effect.asSome(end)
      : Effect.timeoutOption(end, Math.max(0, due - this.course.request.log.now()))
  }

  /** Asks one more provider, if one is left and the budget allows it. */
  private readonly hedge: Effect.Effect<void, never, R> = Effect.gen({ self: this }, function*() {
    const { request } = this.course
    this.due = Infinity
    const next = this.course.next()
    if (next === undefined || request.hedges >= this.machine.max) return
    const { hedgeBudget } = request.settings
    if (hedgeBudget !== undefined && !(yield* hedgeBudget.tryWithdraw)) return
    request.hedges++
    const [late = this.first] = [...this.legs].map(({ member }) => member)
    const after = Duration.millis(this.delay)
    request.log.emit(late, request.log.begunAt(late), { _tag: "ProviderHedged", hedge: next.provider.name, after })
    yield* Effect.logInfo(
      `${late.provider.name}/${late.provider.model} has not begun to answer after ${Duration.format(after)}. ` +
        `${next.provider.name}/${next.provider.model} is asked as well`
    )
    yield* this.launch(next, request.hedges)
  })

  /** Another leg has won, or has failed for good. */
  private giveUp({ fiber, member, scope }: Leg): Effect.Effect<void> {
    const { log, method } = this.course.request
    return Effect.andThen(
      fiber === undefined ? Effect.void : Fiber.interrupt(fiber),
      Effect.suspend(() => {
        for (const running of log.outrun(member)) outpaced(running, method, log.now())
        // An answer that has opened in the same instant is closed unread.
        return Scope.close(scope, Exit.void)
      })
    )
  }
}
