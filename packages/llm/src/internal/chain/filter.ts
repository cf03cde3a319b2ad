/**
 * Which providers of a chain a request may be sent to, and why not to the others: decided before anything is sent.
 *
 * A prompt is kept from a provider for its length only where a `Tokenizer` has counted it. An estimate from its characters is
 * wrong by more than a factor of two for tables, indented JSON and rules of dashes, in both directions.
 *
 * Guarded by `test/Connectivity.test.ts`, `test/ProviderChain.test.ts` and `test/chain/treatment.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import * as AiError from "effect/ai/AiError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Connectivity } from "../../Connectivity.ts"
import type { Feature } from "../../Provider.ts"
import { featuresOf, missing } from "../../Provider.ts"
import { unsupported } from "../../ProviderFailure.ts"
import { networkError, tooLong } from "./chainReasons.ts"
import type { ChainMember, Obstacle } from "./member.ts"
import type { ChainRequest } from "./request.ts"

/** The demands of a request on the providers. */
export interface Demands {
  readonly features: ReadonlySet<Feature>
  /** The tokens of the prompt, by a `Tokenizer`; `undefined` without a tokenizer or without a known context size. */
  readonly tokens: number | undefined
  readonly online: boolean
}

/** Why a request skips a provider, apart from the provider's health. */
const obstacle = ({ provider }: ChainMember, { features, online, tokens }: Demands): Obstacle | undefined => {
  const { capabilities, location, model, name } = provider
  if (!online && location === "cloud") {
    return {
      why: "offline",
      because: "this machine is offline",
      reason: networkError(
        provider,
        "this machine is offline, so nothing was sent. Add a local provider, or check the network"
      )
    }
  }
  const lacks = missing(capabilities, features).join(" and ")
  if (lacks !== "") {
    return {
      why: "incapable",
      because: `the model cannot do ${lacks}`,
      reason: unsupported("model", `${name}/${model} cannot do ${lacks}. Choose a model that can`)
    }
  }
  const { contextWindow } = capabilities
  if (contextWindow !== undefined && tokens !== undefined && tokens > contextWindow) {
    return {
      why: "tooLong",
      because: `the prompt has ${plural(tokens, "token")}, and the model reads ${contextWindow}`,
      reason: tooLong(provider, tokens, contextWindow)
    }
  }
  return undefined
}

/** The providers that could answer, whatever state they are in. The others are in the log with why. */
export const qualified = ({ log, members }: ChainRequest, demands: Demands): ReadonlyArray<ChainMember> => {
  const obstacles = members.map((member) => obstacle(member, demands))
  const able = members.filter((_, i) => obstacles[i] === undefined)
  for (const [i, member] of members.entries()) {
    const found = obstacles[i]
    if (found === undefined) continue
    log.emit(member, 0, { _tag: "ProviderSkipped", why: found.why, because: found.because })
    if (able.length > 0) continue
    log.unasked(member.provider, found.reason, { _tag: "Fail", because: "no provider can be asked" })
  }
  return able
}

/** Why a provider is skipped that another process knows to be down. */
export const failedBefore: Pick<Obstacle, "why" | "because"> = { why: "cooling", because: "it failed before" }

/** Why a provider that failed is skipped, while it is. */
export const coolingDown = (
  { gate }: ChainMember,
  now: number
): Pick<Obstacle, "why" | "because"> | undefined => {
  const closed = gate.peek(now)
  if (closed === undefined) return undefined
  return {
    why: "cooling",
    because: closed.because === "probed"
      ? "it failed before, and another request is probing it"
      : `it failed before and is skipped for ${Duration.format(Duration.millis(closed.left))}`
  }
}

/** Why nothing is sent to a provider whose limits leave no room for so many milliseconds. */
export const withoutRoomFor = (wait: number): Obstacle => {
  const retryAfter = Duration.millis(wait)
  return {
    why: "limited",
    because: `its limits leave no room for ${Duration.format(retryAfter)}`,
    reason: new AiError.RateLimitError({ retryAfter })
  }
}

// -----------------------------------------------------------------------------
// Demands
// -----------------------------------------------------------------------------

/** Connectivity is checked only if there is a cloud provider. */
const isOnline = (
  { members, settings }: ChainRequest,
  context: Context.Context<never>
): Effect.Effect<boolean> | undefined => {
  const connectivity = Option.getOrUndefined(Context.getOption(context, Connectivity)) ?? settings.connectivity
  return members.some(({ provider }) => provider.location === "cloud") ? connectivity?.isOnline : undefined
}

/** Tokens are counted only if the context size of a provider is known. */
const tokensOf = ({ members, options, settings }: ChainRequest): Effect.Effect<number | undefined> | undefined => {
  const isBounded = members.some(({ provider }) => provider.capabilities.contextWindow !== undefined)
  return !isBounded ? undefined : settings.tokenizer?.tokenize(options.prompt).pipe(
    Effect.map((tokens) => tokens.length),
    Effect.orElseSucceed(() => undefined)
  )
}

export const demandsOf = (request: ChainRequest): Effect.Effect<Demands> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const features = featuresOf(request.options)
    const connected = isOnline(request, context)
    const counted = tokensOf(request)
    // Mostly there is nothing to ask.
    if (connected === undefined && counted === undefined) {
      return Effect.succeed({ features, tokens: undefined, online: true })
    }
    return Effect.flatMap(
      connected ?? Effect.succeed(true),
      (online) => Effect.map(counted ?? Effect.undefined, (tokens) => ({ features, tokens, online }))
    )
  })
