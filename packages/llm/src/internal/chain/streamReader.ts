/**
 * Reads a stream on demand in one fiber of its own, so that a clock can end a read: under the limit for silence and the
 * deadline of the request.
 *
 * A timeout around each read would cost two fibers and a timer a chunk, most of what a chain adds to a token. Here one fiber
 * reads, and another sleeps to the earliest instant at which the reader could be late, looks, and sleeps on. Both live in the
 * scope of the stream. Where a read can be ended from outside, the consumer reads itself, and there is only the second. Three things hold as with `Effect.timeoutOrElse` around each read, and would break if this were shortened:
 * - Nothing is read ahead: the reader waits until a chunk is asked for, so that a slow consumer holds the server back.
 * - A read that is late, or whose consumer is interrupted, is interrupted and has ended before the consumer goes on.
 * - Only a read counts as silence: time between two reads is the consumer's.
 *
 * Guarded by `test/chain/streamReader.test.ts` and `test/chain/signsOfLife.test.ts`.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"

/** When a read is late: an instant in milliseconds since the epoch, and the error then. */
export interface Due<E> {
  readonly at: number
  readonly error: () => E
}

interface Timing<E> {
  readonly now: () => number
  /** When a read that began at `from` is late, as far as is known now. It never comes to be earlier. */
  readonly due: (from: number) => Due<E>
}

/** Looks after reads, and ends one that is late. */
export class Watch<E> {
  private readonly timing: Timing<E>
  private readonly late: (exit: Exit.Exit<never, E>) => Effect.Effect<void>
  /** When the read that is going on began. */
  private since: number | undefined
  /** Lets the watch look, if it waits for a read. */
  private look: (() => void) | undefined

  constructor(timing: Timing<E>, late: (exit: Exit.Exit<never, E>) => Effect.Effect<void>) {
    this.timing = timing
    this.late = late
  }

  readonly begins = (): void => {
    this.since = this.timing.now()
    const { look } = this
    this.look = undefined
    look?.()
  }

  readonly ends = (): void => {
    this.since = undefined
  }

  /** Until one is late, or none ever will be. */
  readonly run: Effect.Effect<void> = Effect.suspend(() => {
    const { since } = this
    if (since === undefined) {
      return Effect.callback<void>((resume) => {
        this.look = () => resume(this.run)
      })
    }
    const due = this.timing.due(since)
    const left = due.at - this.timing.now()
    if (left > 0) return left === Infinity ? Effect.void : Effect.andThen(Effect.sleep(left), this.run)
    return this.late(Exit.fail(due.error()))
  })
}

export interface Options<A, E, R> extends Timing<E> {
  readonly pull: Pull.Pull<A, E, void, R>
  /** In which the stream is read. */
  readonly context: Context.Context<R>
  /** In which both fibers live. */
  readonly scope: Scope.Scope
}

export class StreamReader<A, E, R> {
  private readonly options: Options<A, E, R>
  private readonly watch: Watch<E>
  private reader: Fiber.Fiber<void> | undefined
  /** Takes the end of the read that is going on. */
  private waiting: ((exit: Exit.Exit<A, E | Cause.Done>) => void) | undefined
  /** Lets the reader read on, if it waits to be asked. */
  private ask: (() => void) | undefined
  private over: Exit.Exit<never, E | Cause.Done> | undefined

  constructor(options: Options<A, E, R>) {
    this.options = options
    this.watch = new Watch(options, (late) => {
      this.over = late
      const { waiting } = this
      return Effect.andThen(this.stop, Effect.sync(() => waiting?.(late)))
    })
  }

  /** The next chunk, or the end. */
  readonly pull: Pull.Pull<A, E> = Effect.suspend(() =>
    this.over ?? (this.reader === undefined ? Effect.andThen(this.begin, this.read) : this.read)
  )

  private get begin(): Effect.Effect<void> {
    const { context, pull, scope } = this.options
    const asked = Effect.callback<void, never, R>((resume) => {
      this.ask = () => resume(reading)
    })
    const reading: Effect.Effect<void, never, R> = Effect.matchCauseEffect(pull, {
      onSuccess: (chunk) => {
        this.tell(Exit.succeed(chunk))
        // The consumer may have asked for the next one by now.
        return this.waiting === undefined ? asked : reading
      },
      onFailure: (cause) => {
        this.over = Exit.failCause(cause)
        return Effect.sync(() => this.tell(Exit.failCause(cause)))
      }
    })
    const start = { startImmediately: true } as const
    return Effect.andThen(
      Effect.map(Effect.forkIn(Effect.provideContext(asked, context), scope, start), (fiber) => {
        this.reader = fiber
      }),
      Effect.forkIn(this.watch.run, scope, start)
    )
  }

  private readonly read: Effect.Effect<A, E | Cause.Done> = Effect.callback((resume) => {
    this.waiting = resume
    const { ask } = this
    this.ask = undefined
    ask?.()
    // A chunk that was there already is not waited for.
    if (this.waiting === resume) this.watch.begins()
    return this.stop
  })

  private tell(exit: Exit.Exit<A, E | Cause.Done>): void {
    const { waiting } = this
    this.waiting = undefined
    this.watch.ends()
    waiting?.(exit)
  }

  private readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.waiting = undefined
    this.watch.ends()
    return this.reader === undefined ? Effect.void : Fiber.interrupt(this.reader)
  })
}
