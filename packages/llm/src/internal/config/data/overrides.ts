/**
 * What a file says of the answers of some providers, under `llm.by_provider` and `llm.by_model`.
 *
 * Guarded by `test/config/overrides.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { isObject } from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Treatment } from "../../compile/options.ts"
import {
  answerOptions,
  hedgeCheck,
  HedgeData,
  parametersCheck,
  ParametersData,
  repairCheck,
  RepairData
} from "./answers.ts"
import { Time, timeCheck } from "./time.ts"

const key = Schema.optionalKey

const OverrideData = Schema.Struct({
  parameters: key(ParametersData),
  /** `false` asks no other provider beside this one. */
  hedge: key(Schema.Union([Schema.Literal(false), HedgeData])),
  repair: key(RepairData),
  cooldown: key(Time)
})
type OverrideData = typeof OverrideData.Type

/** Overrides by the name of a provider, a pool or a member, or by a model, which may end in `*`. */
export const Overrides = Schema.Record(Schema.String, OverrideData)
export type Overrides = typeof Overrides.Type

// -----------------------------------------------------------------------------
// Checks
// -----------------------------------------------------------------------------

const { optional, struct } = Arguments

/** The budget is one over all requests. */
const hedge: Arguments.Check<unknown> = (value, place) => {
  if (value === false) return value
  if (isObject(value) && "budget" in value) {
    place.at("budget").fault("one budget is over all hedges: say it under llm.hedge")
    const { budget: _, ...rest } = value
    return hedgeCheck(rest, place)
  }
  return hedgeCheck(value, place)
}

const override = struct({
  parameters: optional(parametersCheck),
  hedge: optional(hedge),
  repair: optional(repairCheck),
  cooldown: optional(timeCheck)
})

const each = (value: unknown, place: Arguments.Place, what: string): ReadonlyArray<string> => {
  if (!isObject(value) || Array.isArray(value)) {
    place.fault(`must be an object with settings by ${what}`)
    return []
  }
  for (const [name, said] of Object.entries(value)) override(said, place.at(name))
  return Object.keys(value)
}

/** Each name must be known: one that is misspelt would do nothing. */
export const byProviderCheck = (value: unknown, place: Arguments.Place, known: ReadonlyArray<string>): void => {
  for (const name of each(value, place, "provider")) Arguments.oneOf(...known)(name, place.at(name))
}

export const byModelCheck = (value: unknown, place: Arguments.Place): void => {
  for (const name of each(value, place, "model")) {
    if (name.trim() === "" || name.slice(0, -1).includes("*")) {
      place.at(name).fault("must be the name of a model, or the beginning of one and a `*`")
    }
  }
}

// -----------------------------------------------------------------------------
// What they say
// -----------------------------------------------------------------------------

const treatmentOf = ({ cooldown, hedge, parameters, repair }: OverrideData): Treatment => {
  const answers = answerOptions({
    ...(hedge !== undefined && hedge !== false && { hedge }),
    ...(repair !== undefined && { repair }),
    ...(parameters !== undefined && { parameters })
  })
  return {
    ...(answers.hedge !== undefined && { hedge: answers.hedge }),
    ...(hedge === false && { hedge: false }),
    ...(answers.repair !== undefined && { repair: answers.repair }),
    ...(answers.parameters !== undefined && { parameters: answers.parameters }),
    ...(cooldown !== undefined && { cooldown })
  }
}

/** Whether a name of `by_model` means a model; the longer it is, the closer. */
const closeness = (name: string, model: string): number =>
  name === model ? Infinity : name.endsWith("*") && model.startsWith(name.slice(0, -1)) ? name.length : -1

/** A provider, as a file may mean it. */
export interface Meant {
  readonly name: string
  readonly server: string
  readonly pool: string | undefined
  readonly model: string | undefined
}

/** What a file says of a provider: its server, its pool, its model and its own name, the later over the earlier. */
export const overrideFor = (
  { by_model = {}, by_provider = {} }: { readonly by_model?: Overrides; readonly by_provider?: Overrides },
  { model = "", name, pool, server }: Meant
): Treatment => {
  const own = (name: string | undefined) =>
    name !== undefined && Object.hasOwn(by_provider, name) ? [by_provider[name]] : []
  const models = Object.keys(by_model)
    .filter((said) => closeness(said, model) >= 0)
    .toSorted((one, other) => closeness(one, model) - closeness(other, model))
    .map((said) => by_model[said])
  const said = [...own(server), ...own(pool), ...models, ...(name === server ? [] : own(name))]
  const treatments = said.flatMap((data) => data === undefined ? [] : [treatmentOf(data)])
  const parameters = Object.assign({}, ...treatments.map(({ parameters }) => parameters))
  const treatment: Treatment = Object.assign({}, ...treatments)
  return Object.keys(parameters).length === 0 ? treatment : { ...treatment, parameters }
}
