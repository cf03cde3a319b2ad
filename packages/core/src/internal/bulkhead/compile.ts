/**
 * Options of a bulkhead that have been checked, compiled to its machines.
 *
 * Guarded by `test/bulkhead/adaptive.test.ts` and `test/bulkhead/queue.test.ts`.
 */
import * as Cause from "effect/Cause"
import { isPolicyError } from "../../PolicyError.ts"
import { AdaptiveBulkhead } from "./adaptive.ts"
import { Bulkheads } from "./bulkheads.ts"
import { type AdaptiveOptions, type BulkheadOptions, defaults } from "./options.ts"
import { Bulkhead } from "./queue.ts"

const isTimeout = (error: unknown): boolean =>
  isPolicyError(error) ? error.reason._tag === "AttemptTimeout" : Cause.isTimeoutError(error)

/** The machines of a fixed limit. */
export const compile = ({ limit, queue, ...common }: BulkheadOptions): Bulkheads =>
  new Bulkheads({
    ...common,
    name: common.name ?? defaults.name,
    create: () => new Bulkhead(limit, queue),
    isOverload: isTimeout
  })

/** The machines of a limit that follows the latency. */
export const compileAdaptive = ({ isOverload, queue, ...options }: AdaptiveOptions): Bulkheads =>
  new Bulkheads({
    ...options,
    name: options.name ?? defaults.name,
    create: () => new AdaptiveBulkhead(options, queue),
    isOverload: isOverload ?? isTimeout
  })
