/**
 * How a provider's protocol becomes response parts: a small synchronous machine a protocol, driven over the bytes of a
 * body. The machine says when the provider's own terminator has come; a body that ends before that is a failure.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Decoder } from "./decoder.ts"
import type { Errors } from "./providerRequest.ts"

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

export interface Machine {
  readonly feed: (bytes: Uint8Array, writer: Writer, now: number) => Step
  /** The body has ended, in order, without the terminator. */
  readonly end: (writer: Writer, now: number) => Step
}

/** How a protocol reads a body. */
export interface Protocol<Item> {
  readonly decoder: Decoder<Item>
  readonly onItem: (item: Item, writer: Writer, now: number) => Step
  /** The text of an item, JSON but for the terminator. */
  readonly textOf: (item: Item) => string
  /** What proves that the answer is whole, in words. */
  readonly terminator: string
  readonly errors: Errors
}

const parse = (text: string) => Result.try((): unknown => JSON.parse(text))

export const isJson = (text: string): boolean => Result.isSuccess(parse(text))

/** Reads JSON by a schema: for an item a token, a quarter faster than `Schema.fromJsonString`. */
export const reader = <A>(schema: Schema.ConstraintDecoder<A>): (text: string) => Result.Result<A, unknown> => {
  const decode = Schema.decodeUnknownResult(schema)
  return (text) => Result.flatMap(parse(text), (json): Result.Result<A, unknown> => decode(json))
}

/** The machine of a protocol. */
export const machine = <Item>(protocol: Protocol<Item>): Machine => {
  const { decoder, errors, onItem, terminator, textOf } = protocol
  return {
    feed: (bytes, writer, now) => {
      let step: Step = more
      decoder.feed(bytes, (item) => {
        if (step._tag === "More") step = onItem(item, writer, now)
      })
      return step._tag === "More" && decoder.overflowed() ? failed(errors.tooLarge()) : step
    },
    end: (writer, now) => {
      let step: Step = more
      // A last item without its line ends still counts, if it is whole.
      decoder.end((item) => {
        const text = textOf(item)
        if (step._tag === "More" && (isTerminator(text) || isJson(text))) step = onItem(item, writer, now)
      })
      return step._tag === "More" ? failed(errors.cut(terminator)) : step
    }
  }
}

/** The one terminator that is not JSON. */
export const isTerminator = (text: string): boolean => text.trim() === "[DONE]"

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
export const run = (
  body: Stream.Stream<Uint8Array, AiError.AiError>,
  machine: Machine
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
          for (const bytes of chunks) {
            last = machine.feed(bytes, writer, clock.currentTimeMillisUnsafe())
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
