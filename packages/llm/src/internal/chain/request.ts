/**
 * One request of a chain: what it finds in its context, its deadline, and what each provider is sent.
 *
 * Guarded by `test/chain/signsOfLife.test.ts` and `test/laws.test.ts`.
 */
import { Deadline } from "@holdfast/core/Deadline"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Budgets } from "../../Budgets.ts"
import { Observers } from "../../ChainEvent.ts"
import type { Parameters } from "../../Parameters.ts"
import { Current } from "../../Parameters.ts"
import { Ledger } from "../../Usage.ts"
import * as Projection from "../authorship/projection.ts"
import { Spending } from "../budget/spending.ts"
import { arrange } from "../pool/place.ts"
import { CurrentTags } from "../usage/tags.ts"
import { promptTokens } from "../usage/tokens.ts"
import { AttemptLog } from "./attemptLog.ts"
import type { ChainMember, Method, RunningAttempt, Settings } from "./member.ts"

/** A provider that does not say what it takes takes nothing. */
const dropsOf = (member: ChainMember, asked: Parameters): ReadonlyArray<keyof Parameters> => {
  const parameters = { ...member.parameters, ...asked }
  return member.provider.drops?.(parameters) ?? (Object.keys(parameters) as ReadonlyArray<keyof Parameters>)
}

/** Asks with the parameters of the provider, below those of the request. */
export const withParameters = <A, E, R>(
  { parameters }: ChainMember,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  parameters === undefined ? self : Effect.updateService(self, Current, (own) => ({ ...parameters, ...own }))

export class ChainRequest {
  readonly method: Method
  readonly settings: Settings
  readonly log: AttemptLog
  readonly options: LanguageModel.ProviderOptions
  readonly members: ReadonlyArray<ChainMember>
  readonly parameters: Parameters
  /** About how many tokens it sends; 0 in a chain without a pool or budgets. */
  readonly inputTokens: number
  /** What it may spend, if budgets are in force. */
  readonly spending: Spending | undefined
  /** The instant at which the request ends, in milliseconds since the epoch. */
  readonly deadline: number
  /** Whether this machine was found to be offline. */
  offline = false
  /** How many providers were asked beside one that was late. */
  hedges = 0
  private readonly projected = new Map<ChainMember, LanguageModel.ProviderOptions>()

  constructor(
    fields: Pick<
      ChainRequest,
      "method" | "settings" | "log" | "options" | "members" | "parameters" | "inputTokens" | "spending" | "deadline"
    >
  ) {
    this.method = fields.method
    this.settings = fields.settings
    this.log = fields.log
    this.options = fields.options
    this.members = fields.members
    this.parameters = fields.parameters
    this.inputTokens = fields.inputTokens
    this.spending = fields.spending
    this.deadline = fields.deadline
  }

  /** The request as this provider may read it, the same at every attempt but one that repairs an answer. */
  optionsFor(running: RunningAttempt): LanguageModel.ProviderOptions {
    const options = this.projectedFor(running)
    const { repair } = running
    return repair === undefined ? options : { ...options, prompt: Prompt.concat(options.prompt, repair) }
  }

  private projectedFor({ attempt, member }: RunningAttempt): LanguageModel.ProviderOptions {
    const known = this.projected.get(member)
    if (known !== undefined) return known
    const { losses, prompt } = Projection.project(this.options.prompt, member.provider)
    const options = prompt === this.options.prompt ? this.options : { ...this.options, prompt }
    this.projected.set(member, options)
    if (losses !== undefined) this.log.emit(member, attempt, { _tag: "PromptProjected", ...losses })
    for (const parameter of dropsOf(member, this.parameters)) {
      this.log.emit(member, attempt, { _tag: "ParameterDropped", parameter })
    }
    return options
  }
}

/** Reads the context once: each service of its own would be two steps of the fiber for each request. */
export const start = (
  method: Method,
  members: ReadonlyArray<ChainMember>,
  settings: Settings,
  options: LanguageModel.ProviderOptions
): Effect.Effect<ChainRequest> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const clock = Context.get(context, Clock.Clock)
    const ledger = Option.getOrUndefined(Context.getOption(context, Ledger)) ?? settings.ledger
    const around = Context.get(context, Observers)
    const observers = [...around, ...(ledger === undefined ? [] : [ledger.observer]), settings.metrics]
    const tags = Context.get(context, CurrentTags)
    const inForce = Option.getOrUndefined(Context.getOption(context, Budgets)) ?? settings.budgets
    // A file without budgets costs its requests nothing.
    const budgets = inForce?.budgets.length === 0 ? undefined : inForce
    const log = new AttemptLog(method, observers, () => clock.currentTimeMillisUnsafe(), tags)
    const own = settings.deadline === undefined ? Infinity : log.now() + settings.deadline
    // Only pools and budgets ask.
    const isCounted = budgets !== undefined || members.some(({ place }) => place !== undefined)
    const inputTokens = isCounted ? promptTokens(options) : 0
    const parameters = Context.get(context, Current)
    const deadline = Math.min(Context.get(context, Deadline), own)
    const begun = () =>
      new ChainRequest({
        method,
        settings,
        log,
        options,
        members: arrange(members, { method, input: inputTokens, now: log.now() }, context),
        parameters,
        inputTokens,
        spending: budgets &&
          new Spending(budgets, tags, {
            inputTokens,
            // Vectors have no output tokens.
            maxOutputTokens: method === "embedMany" ? 0 : parameters.maxOutputTokens,
            now: log.now
          }),
        deadline
      })
    return settings.fleet === undefined ? Effect.succeed(begun()) : Effect.map(settings.fleet.look, begun)
  })
