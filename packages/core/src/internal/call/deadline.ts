import * as Context from "effect/Context"

/** `Deadline.Deadline`, where the call that `Deadline.within` makes can know it. */
export const Deadline: Context.Reference<number> = Context.Reference<number>("@holdfast/core/Deadline", {
  defaultValue: () => Infinity
})
