/**
 * How a provider's protocol becomes response parts: a small synchronous machine for each protocol, driven over the bytes of a
 * body. The machine says when the provider's own terminator has come; a body that ends before that is a failure.
 *
 * A whole answer and a stream are read by the same machine, because servers send one where the other was asked for.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts`, `test/corpus/answers/answers.test.ts` and
 * `test/chain/notAnAnswer.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type { IdGenerator } from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Provider } from "../../../Provider.ts"
import { onDemand } from "../../onDemand.ts"
import type { Counts } from "../../usage/reported.ts"
import { ReportedUsage } from "../../usage/reported.ts"
import { isJson } from "../json.ts"
import type { Errors, ProviderRequest } from "../request/providerRequest.ts"
import { SignOfLife } from "../signOfLife.ts"
import type { Framing, Item } from "./decoder.ts"
import * as Decoder from "./decoder.ts"
import type { Leaving } from "./rest.ts"
import * as Rest from "./rest.ts"
import type { Body, Endable } from "./webBody.ts"
import { endable, WebReader } from "./webBody.ts"
import type { Part } from "./writer.ts"
import { toWhole } from "./writer.ts"

/** What a machine made of a piece of the body. */
export type Step =
  | { readonly _tag: "More" }
  /** The terminator has come: whatever follows is not read. */
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly error: AiError.AiError }

export const more: Step = { _tag: "More" }
export const done: Step = { _tag: "Done" }
export const failed = (error: AiError.AiError): Step => ({ _tag: "Failed", error })

/** The end of a body: what its bytes were, and whether the answer was asked for in one piece. */
export interface BodyEnd {
  readonly framing: Framing
  readonly isWhole: boolean
  readonly now: number
}

/** How a protocol reads the items of a body. */
export interface Protocol {
  /** What a server sends to a request for a stream. */
  readonly framing: Framing
  /** Reads one item: a piece of a stream, a whole answer, or an error. */
  readonly onItem: (item: Item, now: number) => Step
  /** The body has ended in order, without a terminator. Default: the answer was cut off. */
  readonly atEnd?: (end: BodyEnd) => Step
  /** What the vendor has reported so far. */
  readonly counts: Counts | undefined
  /** What proves that the answer is whole, in words. */
  readonly terminator: string
  readonly errors: Errors
}

/** Makes the reader of one answer. `out` takes its parts. */
export type Make = (out: (part: Part) => void) => Protocol

/** The body of an answer, and how it is read. */
export interface Answer {
  readonly body: Body
  readonly make: Make
}

/** The one terminator that is not JSON. */
export const isTerminator = (text: string): boolean => text.trim() === "[DONE]"

/** Reads one body. */
class Machine {
  private readonly decoder: Decoder.SniffingDecoder
  private readonly protocol: Protocol
  private readonly isWhole: boolean
  private readonly limit: number
  private items = 0

  constructor(protocol: Protocol, isWhole: boolean, limit: number) {
    this.limit = limit
    this.protocol = protocol
    this.isWhole = isWhole
    this.decoder = Decoder.sniffing(isWhole ? "lines" : protocol.framing, { limit })
  }

  feed(bytes: Uint8Array, now: number): Step {
    let step: Step = more
    this.decoder.feed(bytes, (item) => {
      this.items++
      if (step._tag === "More") step = this.protocol.onItem(item, now)
    })
    return step._tag === "More" && this.decoder.overflowed()
      ? failed(this.protocol.errors.tooLarge(this.isWhole ? "an answer" : "a line or an event", this.limit))
      : step
  }

  end(now: number): Step {
    const { errors, terminator } = this.protocol
    let step: Step = more
    let leftover = false
    // A last item without its line ends still counts, if it is whole.
    this.decoder.end((item) => {
      leftover = true
      if (step._tag === "More" && (isTerminator(item.data) || isJson(item.data))) {
        this.items++
        leftover = false
        step = this.protocol.onItem(item, now)
      }
    })
    if (step._tag !== "More") return step
    const framing = this.decoder.framing() ?? "lines"
    if (this.isWhole && framing === "lines" && (leftover || this.items === 0)) {
      return failed(errors.unreadable("it is not JSON"))
    }
    const end: BodyEnd = { framing, isWhole: this.isWhole, now }
    return (leftover ? undefined : this.protocol.atEnd?.(end)) ?? failed(errors.cut(terminator))
  }
}

type Parts = Pull.Pull<Arr.NonEmptyReadonlyArray<Part>, AiError.AiError>

/** Drives a machine over a body. Parts that came before a failure are given before it. */
const drive = (
  { body, make }: Answer,
  isWhole: boolean,
  limit: number,
  scope: Scope.Scope,
  leaving: Leaving,
  self: Endable = { end: undefined, watch: undefined }
): Effect.Effect<() => Parts> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const clock = Context.get(context, Clock.Clock)
    const sign = Context.get(context, SignOfLife)
    let buffer: Array<Part> = []
    let last: Step = more
    const protocol = make((part) => buffer.push(part))
    Context.get(context, ReportedUsage)?.(() => protocol.counts)
    const machine = new Machine(protocol, isWhole, limit)
    /** What has come and was not given, or the end; `undefined` for neither. */
    const ready = (): Parts | undefined => {
      const parts = buffer
      if (Arr.isArrayNonEmpty(parts)) {
        buffer = []
        return Effect.succeed(parts)
      }
      return last._tag === "Done" ? Cause.done() : last._tag === "Failed" ? Effect.fail(last.error) : undefined
    }
    const take = (chunks: ReadonlyArray<Uint8Array>): void => {
      const now = sign?.() ?? clock.currentTimeMillisUnsafe()
      for (const bytes of chunks) {
        last = machine.feed(bytes, now)
        if (last._tag !== "More") break
      }
    }
    let isOver = false
    const leaves = (rest: Effect.Effect<void>) => {
      leaving.rest = () => last._tag === "Done" && !isOver ? rest : undefined
    }
    const end = (): void => {
      isOver = true
      last = machine.end(clock.currentTimeMillisUnsafe())
    }
    if (!Stream.isStream(body)) {
      const reader = new WebReader(body, { ready, take, end, isDone: () => last._tag === "Done" }, self)
      leaves(reader.rest)
      return Effect.as(Scope.addFinalizer(scope, reader.release), () => reader.pull)
    }
    return Effect.map(Channel.toPullScoped(Stream.toChannel(body), scope), (pull) => {
      leaves(Rest.drain(pull))
      const next = (): Parts => ready() ?? advance
      // Made once: the machine takes a chunk in without an effect of its own.
      const advance: Parts = Pull.matchEffect(pull, {
        onSuccess: (chunks) => {
          take(chunks)
          return next()
        },
        onFailure: (cause) => Effect.failCause(cause),
        onDone: () => {
          end()
          return next()
        }
      })
      return next
    })
  })

/** How many characters the body of a whole answer may have: 64 Mi. */
const wholeLimit = 64 * 1024 * 1024

/** Sends a request, as a stream or whole, and says how the answer is read. */
type Open = (
  call: ProviderRequest,
  request: LanguageModel.ProviderOptions,
  stream: boolean
) => Effect.Effect<Answer, AiError.AiError, IdGenerator | Scope.Scope>

/** The two calls of a provider, which differ only in how the answer is asked for and read. */
export const methods = (
  callOf: (method: string) => ProviderRequest,
  open: Open
): Pick<Provider, "generateText" | "streamText"> => ({
  generateText: (request) =>
    Effect.scopedWith((scope) => {
      const leaving: Leaving = { rest: undefined }
      return Effect.flatMap(Rest.leaving(scope, leaving), (own) =>
        open(callOf("generateText"), request, false).pipe(
          Scope.provide(own),
          Effect.flatMap((answer) => Stream.runCollect(onDemand(() => drive(answer, true, wholeLimit, own, leaving)))),
          Effect.map(toWhole)
        ))
    }),
  streamText: (request) =>
    endable((scope, self) => {
      const leaving: Leaving = { rest: undefined }
      return Effect.flatMap(Rest.leaving(scope, leaving), (own) =>
        open(callOf("streamText"), request, true).pipe(
          Scope.provide(own),
          Effect.flatMap((answer) => drive(answer, false, Decoder.defaultLimit, own, leaving, self))
        ))
    })
})
