/** One request's way along the providers, and what is sent to each of them. */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { NoAnswer } from "../../ChainError.ts"
import type { Decision } from "../../FallbackDecision.ts"
import type { Story } from "./attemptLog.ts"
import type { Demands } from "./filter.ts"
import { obstacle } from "./filter.ts"
import type { Entry, Running, Settings } from "./member.ts"
import * as Projection from "./projection.ts"
import type { Open } from "./visits.ts"
import { Visits } from "./visits.ts"

export class Walk {
  readonly settings: Settings
  readonly story: Story
  readonly request: LanguageModel.ProviderOptions
  readonly entries: ReadonlyArray<Entry>
  /** Whether this machine was found to be offline. */
  offline = false
  private readonly projected = new Map<Entry, LanguageModel.ProviderOptions>()

  constructor(
    settings: Settings,
    story: Story,
    request: LanguageModel.ProviderOptions,
    entries: ReadonlyArray<Entry>
  ) {
    this.settings = settings
    this.story = story
    this.request = request
    this.entries = entries
  }

  /** The request as this provider may read it, the same at every attempt. */
  requestFor({ attempt, entry }: Running): LanguageModel.ProviderOptions {
    const known = this.projected.get(entry)
    if (known !== undefined) return known
    const { losses, prompt } = Projection.project(this.request.prompt, entry.provider)
    const request = losses === undefined ? this.request : { ...this.request, prompt }
    this.projected.set(entry, request)
    if (losses !== undefined) this.story.emit(entry, attempt, { _tag: "PromptProjected", ...losses })
    return request
  }

  /**
   * Walks the providers until one of them has opened an answer. Those that cool down are passed by, unless they are all
   * that there is.
   */
  run<A, R>(
    demands: Demands,
    scope: Scope.Scope,
    open: Open<A, R>
  ): Effect.Effect<A, NoAnswer, R> {
    return Effect.suspend(() => {
      const able = this.entries.filter((entry) => {
        const found = obstacle(entry, demands)
        if (found !== undefined) {
          this.story.emit(entry, 0, { _tag: "ProviderSkipped", why: found.why, because: found.because })
        }
        return found === undefined
      })
      if (able.length === 0) return Effect.fail(this.unable(demands))
      return new Visits(this.settings, this.story, demands, scope, open).run(able)
    })
  }

  /** No provider can be asked: each is in the story with why. */
  private unable(demands: Demands): NoAnswer {
    const decision: Decision = { _tag: "Fail", because: "no provider can be asked" }
    for (const entry of this.entries) {
      const found = obstacle(entry, demands)
      if (found !== undefined) this.story.unasked(entry.provider, found.reason, decision)
    }
    return this.story.failure()
  }
}
