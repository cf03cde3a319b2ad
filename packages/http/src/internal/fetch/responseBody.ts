/**
 * The body of a response as a standard stream of bytes. Nothing is read before it is asked for. A body that is read to its
 * end, cancelled, aborted, or dropped and collected leaves neither its connection nor a listener behind.
 *
 * Guarded by `test/fetch/contract.test.ts`, `test/fetch/promises.test.ts` and
 * `test/issues/a-dropped-response-of-fetch-keeps-its-connection.test.ts`.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BodyResponse } from "../call/bodyResponse.ts"
import { terminated } from "./errors.ts"

/** A body, and what it was ended with, if that was an error. */
export interface Body {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly failure: () => { readonly error: unknown } | undefined
}

/** A stream that pulls from the response in the context `context`. `onEnd` is called once, when nothing is left to release. */
export const readable = (
  response: BodyResponse,
  context: Context.Context<never>,
  listen: (abort: (reason: unknown) => void) => () => void,
  onEnd: () => void
): Body => {
  const source = new Source(response, context)
  const stream = new ReadableStream(source, { highWaterMark: 0 })
  source.onEnd = releasing(listen(aborting(new WeakRef(source))), onEnd)
  dropped?.register(stream, { response, context, release: source.onEnd }, source)
  return { stream, failure: () => source.failure }
}

// What is held to end a body must not lead to it: a signal and an open fetch live as long as the program likes. Closures made
// in one function share what any of them refers to, so these have functions of their own.
const aborting = (ref: WeakRef<Source>) => (reason: unknown): void => ref.deref()?.abort(reason)

const releasing = (unlisten: () => void, onEnd: () => void) => (): void => {
  unlisten()
  onEnd()
}

class Source implements UnderlyingByteSource {
  readonly type = "bytes"
  onEnd: (() => void) | undefined = undefined
  failure: { readonly error: unknown } | undefined = undefined

  private readonly response: BodyResponse
  private readonly context: Context.Context<never>
  private readonly scope = Scope.makeUnsafe()
  private controller: ReadableByteStreamController | undefined = undefined
  private next: Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>], unknown> | undefined = undefined
  private pulling: Fiber.Fiber<unknown, unknown> | undefined = undefined

  constructor(response: BodyResponse, context: Context.Context<never>) {
    this.response = response
    this.context = context
  }

  start(controller: ReadableByteStreamController): void {
    this.controller = controller
  }

  pull(controller: ReadableByteStreamController): Promise<void> {
    return new Promise((resolve) => {
      const open = Effect.suspend(() =>
        this.next === undefined
          ? Effect.flatMap(
            Scope.provide(Stream.toPull(this.response.stream), this.scope),
            (pull) => this.next = pull
          )
          : this.next
      )
      this.pulling = Effect.runForkWith(this.context)(open)
      this.pulling.addObserver((exit) => {
        this.pulling = undefined
        if (this.controller !== undefined) this.took(controller, exit as Exit.Exit<ReadonlyArray<Uint8Array>, unknown>)
        resolve()
      })
    })
  }

  cancel(): Promise<void> {
    return this.release()
  }

  abort(reason: unknown): void {
    if (this.controller !== undefined) this.fail(this.controller, reason)
  }

  private took(
    controller: ReadableByteStreamController,
    exit: Exit.Exit<ReadonlyArray<Uint8Array>, unknown>
  ): void {
    if (Exit.isSuccess(exit)) {
      const chunks = exit.value.filter((chunk) => chunk.length > 0)
      // A stream of bytes takes over the memory of its chunks, and these may be views of what others read too. The `slice`
      // of a Buffer is such a view.
      for (const chunk of chunks) controller.enqueue(new Uint8Array(chunk))
      if (chunks.length === 0) void this.pull(controller)
      return
    }
    if (Pull.isDoneCause(exit.cause)) {
      controller.close()
      controller.byobRequest?.respond(0)
      void this.release()
    } else {
      this.fail(controller, terminated(exit.cause))
    }
  }

  private fail(controller: ReadableByteStreamController, error: unknown): void {
    this.failure = { error }
    controller.error(error)
    void this.release()
  }

  private release(): Promise<void> {
    if (this.controller === undefined) return Promise.resolve()
    this.controller = undefined
    const { pulling } = this
    const stop = pulling === undefined ? Effect.void : Fiber.interrupt(pulling)
    const close = Effect.andThen(stop, Effect.andThen(Scope.close(this.scope, Exit.void), this.response.cancel))
    return Effect.runPromiseWith(this.context)(close).finally(() => {
      dropped?.unregister(this)
      this.onEnd?.()
    })
  }
}

interface Dropped {
  readonly response: BodyResponse
  readonly context: Context.Context<never>
  readonly release: () => void
}

// Where a runtime has none, its own fetch frees what is dropped.
const dropped = "FinalizationRegistry" in globalThis
  ? new FinalizationRegistry<Dropped>(({ context, release, response }) => {
    release()
    Effect.runForkWith(context)(response.cancel)
  })
  : undefined
