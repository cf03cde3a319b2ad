/**
 * How a provider's protocol becomes response parts: a small synchronous machine a protocol, driven over the chunks of a
 * body. The machine says when the provider's own terminator has come; a body that ends before that is a failure.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

/** What a machine made of a piece of the body. */
export type Step =
  | { readonly _tag: "More" }
  /** The terminator has come: whatever follows is not read. */
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly error: AiError.AiError }

export const more: Step = { _tag: "More" }
export const done: Step = { _tag: "Done" }
export const failed = (error: AiError.AiError): Step => ({ _tag: "Failed", error })

/** Writes the parts of one answer, opening and closing text and reasoning blocks as they alternate. */
export interface Writer {
  readonly part: (part: Response.StreamPartEncoded) => void
  readonly text: (delta: string) => void
  readonly reasoning: (delta: string) => void
  /** Closes the open block, if any. */
  readonly close: () => void
}

export interface Machine<in Chunk> {
  readonly feed: (chunk: Chunk, writer: Writer, now: number) => Step
  /** The body has ended, in order, without the terminator. */
  readonly end: (writer: Writer, now: number) => Step
}

const makeWriter = (out: (part: Response.StreamPartEncoded) => void): Writer => {
  let open: { readonly type: "text" | "reasoning"; readonly id: string } | undefined
  let blocks = 0
  const close = () => {
    if (open === undefined) return
    out({ type: `${open.type}-end`, id: open.id })
    open = undefined
  }
  const delta = (type: "text" | "reasoning", delta: string) => {
    if (delta === "") return
    if (open?.type !== type) {
      close()
      open = { type, id: `${type}-${blocks++}` }
      out({ type: `${type}-start`, id: open.id })
    }
    out({ type: `${type}-delta`, id: open.id, delta })
  }
  return {
    part: (part) => {
      close()
      out(part)
    },
    text: (text) => delta("text", text),
    reasoning: (text) => delta("reasoning", text),
    close
  }
}

/** Drives a machine over a body. Parts that came before a failure are emitted before it. */
export const run = <Chunk>(
  body: Stream.Stream<Chunk, AiError.AiError>,
  machine: Machine<Chunk>
): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> =>
  Stream.transformPull(body, (pull) =>
    Effect.sync(() => {
      let buffer: Array<Response.StreamPartEncoded> = []
      let last: Step = more
      const writer = makeWriter((part) => buffer.push(part))
      const flush: Pull.Pull<
        readonly [Response.StreamPartEncoded, ...Array<Response.StreamPartEncoded>],
        AiError.AiError
      > = Effect.suspend(() => {
        const [first, ...rest] = buffer
        if (first !== undefined) {
          buffer = []
          return Effect.succeed([first, ...rest] as const)
        }
        switch (last._tag) {
          case "Done":
            return Cause.done()
          case "Failed":
            return Effect.fail(last.error)
          case "More":
            return advance
        }
      })
      const chunks = Effect.clockWith((clock) =>
        Effect.map(pull, (chunks) => {
          for (const chunk of chunks) {
            last = machine.feed(chunk, writer, clock.currentTimeMillisUnsafe())
            if (last._tag !== "More") return
          }
        })
      )
      const advance = Pull.catchDone(chunks, () =>
        Effect.clockWith((clock) =>
          Effect.sync(() => {
            last = machine.end(writer, clock.currentTimeMillisUnsafe())
          })
        )).pipe(Effect.andThen(flush))
      return flush
    }))
