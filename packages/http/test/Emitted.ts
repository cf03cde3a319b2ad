/**
 * Everything that a run emits: spans, logs, events, metrics, and what the program itself gets to see of responses and errors.
 * It is shown when the run is over, outside of any fiber, where an exporter or a handler of the program would show it.
 */
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import { inspect } from "node:util"
import { recorder } from "../../../vitest.tracer.ts"

export class Emitted {
  private readonly values: Array<unknown> = []
  private readonly texts: Array<string> = []
  private readonly recorder = recorder()
  private readonly logger = Logger.make(({ cause, message }) => {
    this.texts.push(inspect(message, { depth: 9 }) + Cause.pretty(cause))
    this.values.push(message, cause)
  })

  /** What the program holds in its hands, and shows. */
  add(...values: ReadonlyArray<unknown>): void {
    this.values.push(...values)
  }

  /** Runs a program with its exit, spans, logs and events kept. */
  readonly of = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<Exit.Exit<A, E>, never, R> =>
    Effect.exit(PolicyEvent.observe(self, (event) => this.add(event))).pipe(
      Effect.tap((exit) => Effect.sync(() => this.add(exit))),
      Effect.withTracer(this.recorder.tracer),
      Effect.withLogger(this.logger)
    )

  /** How many spans of clients there were. */
  get clientSpans(): number {
    return this.recorder.spans.filter(({ kind }) => kind === "client").length
  }

  /** All of it as texts. */
  get shown(): Effect.Effect<ReadonlyArray<string>> {
    return Effect.flatMap(Metric.snapshot, (metrics) =>
      Effect.promise(() =>
        // A turn of the event loop later no fiber is current.
        new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
          for (const { attributes, events, name, status } of this.recorder.spans) {
            this.add(name, [...attributes], events)
            // Of a success, a span keeps the value for nothing but the program's own use.
            if (status._tag === "Ended" && Exit.isFailure(status.exit)) this.add(status.exit)
          }
          return [...this.texts, ...this.values.flatMap((value) => textsOf(value)), json(metrics)]
        })
      ))
  }
}

/** As JSON. The certificate that an error of TLS holds has a circle in it. */
const json = (value: unknown): string => {
  const path: Array<unknown> = []
  return JSON.stringify(value, function(this: unknown, _, part: unknown) {
    while (path.length > 0 && path.at(-1) !== this) path.pop()
    if (path.includes(part)) return undefined
    if (typeof part === "object" && part !== null) path.push(part)
    return typeof part === "bigint" ? String(part) : part
  }) ?? ""
}

/** Every way in which a value may end in a log. */
const textsOf = (value: unknown, depth = 0): ReadonlyArray<string> => {
  const texts = [
    String(value),
    inspect(value, { depth: 6, getters: true }),
    inspect(value, { depth: 6, showHidden: true }),
    json(value)
  ]
  if (depth > 9 || typeof value !== "object" || value === null) return texts
  if (Exit.isExit(value)) {
    return [...texts, ...Exit.isSuccess(value) ? textsOf(value.value, depth + 1) : textsOf(value.cause, depth + 1)]
  }
  if (Cause.isCause(value)) {
    texts.push(Cause.pretty(value))
    for (const reason of value.reasons) {
      const inner = Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : undefined
      texts.push(...textsOf(inner, depth + 1))
    }
    return texts
  }
  for (const key of ["name", "message", "stack", "methodAndUrl", "input"]) {
    if (key in value) texts.push(String(Reflect.get(value, key)))
  }
  const keys = value instanceof Error ? ["cause", "reason", "errors", "request", "response"] : ["error", "request"]
  for (const key of keys) {
    if (key in value) texts.push(...textsOf(Reflect.get(value, key), depth + 1))
  }
  return texts
}
