/** Which providers of a chain a request may be sent to, and why not to the others: decided before anything is sent. */
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as Duration from "effect/Duration"
import type { ProviderSkipped } from "../../ChainEvent.ts"
import type { Feature } from "../../Provider.ts"
import { featuresOf, missing } from "../../Provider.ts"
import { unsupported } from "../../ProviderFailure.ts"
import { silent, tooLong } from "./chainReasons.ts"
import type { Entry } from "./member.ts"

/** What of a request decides who may be asked. */
export interface Demands {
  readonly features: ReadonlySet<Feature>
  /** How many tokens the prompt has at least; `undefined` where nobody's context is known. */
  readonly tokens: number | undefined
  readonly online: boolean
}

// -----------------------------------------------------------------------------
// Size
// -----------------------------------------------------------------------------

/**
 * No vocabulary in use needs fewer tokens than one for six characters of a text; English takes one for four. What is too
 * long by this is too long by any count.
 */
const charactersPerToken = 6

const charactersOf = (part: Prompt.Part): number => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return part.text.length
    case "tool-call":
      return JSON.stringify(part.params ?? null).length
    case "tool-result":
      return JSON.stringify(part.result ?? null).length
    case "file":
    case "tool-approval-request":
    case "tool-approval-response":
      return 0
  }
}

/** How many tokens a prompt has at the very least. Images and files are not counted. */
export const tokensAtLeast = (prompt: Prompt.Prompt): number => {
  let characters = 0
  for (const message of prompt.content) {
    if (typeof message.content === "string") characters += message.content.length
    else for (const part of message.content) characters += charactersOf(part)
  }
  return Math.floor(characters / charactersPerToken)
}

// -----------------------------------------------------------------------------
// Filter
// -----------------------------------------------------------------------------

/** Why nothing is sent to a provider: in words for an event, and as the reason of a failure. */
export interface Obstacle {
  readonly why: ProviderSkipped["why"]
  readonly because: string
  readonly reason: AiError.AiErrorReason
}

/** What keeps a request from a provider that has nothing to do with how the provider is. */
export const obstacle = ({ provider }: Entry, { features, online, tokens }: Demands): Obstacle | undefined => {
  const { capabilities, location, model, name } = provider
  if (!online && location === "cloud") {
    return {
      why: "offline",
      because: "this machine is offline",
      reason: silent(
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
      because: `the prompt has ${tokens} tokens or more, and the model reads ${contextWindow}`,
      reason: tooLong(provider, tokens)
    }
  }
  return undefined
}

/** Why a provider that was given up is passed by, if it is. */
export const passedBy = ({ cooldown }: Entry, now: number): Pick<Obstacle, "why" | "because"> | undefined => {
  const closed = cooldown.peek(now)
  if (closed === undefined) return undefined
  return {
    why: "cooling",
    because: closed.because === "probed"
      ? "it failed before, and another request finds out whether it is back"
      : `it failed before and is left alone for ${Duration.format(Duration.millis(closed.left))}`
  }
}

/** What a request asks for beyond text. */
export const demandsOf = (
  request: LanguageModel.ProviderOptions,
  tokens: number | undefined,
  online: boolean
): Demands => ({ features: featuresOf(request), tokens, online })
