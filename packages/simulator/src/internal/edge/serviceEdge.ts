/**
 * Calls to a service: each attempt is a request that travels to it.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Random from "effect/Random"
import type { CallFailure } from "../../CallFailure.ts"
import type { Protector } from "../../Protection.ts"
import { type Endpoint, endpoint } from "../endpoint/endpoint.ts"
import type { Engine } from "../engine/engine.ts"
import type { Service } from "../model/service.ts"
import { Edge, type EdgeOptions } from "./edge.ts"
import { Request, type Sender } from "./request.ts"

export class ServiceEdge extends Edge implements Sender {
  readonly to: Service
  protected readonly protector: Protector | undefined

  constructor(
    from: string,
    to: Service,
    options: EdgeOptions & { readonly http: Endpoint | undefined },
    engine: Engine,
    random: Random.Random
  ) {
    super(from, options, engine, random)
    this.to = to
    this.protector = options.http === undefined
      ? undefined
      : endpoint(options.http, `${from} -> ${to.name}`, to.options.statuses)
  }

  protected connect(): Effect.Effect<void, CallFailure> {
    return this.attempt
  }

  private readonly attempt: Effect.Effect<void, CallFailure> = Effect.callback((resume) => {
    this.sent()
    const request = new Request(this, resume)
    request.send()
    return Effect.sync(() => request.abandon())
  })
}
