/** The attributes of a span are those that Effect writes. */
import { assert, describe } from "@effect/vitest"
import type * as Response from "effect/ai/Response"
import * as Telemetry from "effect/ai/Telemetry"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import { law } from "../../../../vitest.law.ts"
import * as AttemptSpan from "../../src/internal/telemetry/span.ts"
import * as TestProvider from "../../src/testing/TestProvider.ts"

const newSpan = () =>
  new Tracer.NativeSpan({
    name: "chat",
    parent: Option.none(),
    annotations: Context.empty(),
    links: [],
    startTime: 0n,
    kind: "client",
    sampled: true
  })

const tokens = Schema.optional(Schema.Int)

describe("the span of an answer", () => {
  law(
    "has the attributes of Effect's annotations, in their order",
    {
      reason: Schema.Literals(["stop", "length", "tool-calls", "content-filter", "unknown"]),
      input: tokens,
      output: tokens,
      name: Schema.String,
      model: Schema.String
    },
    ({ input, model, name, output, reason }) =>
      Effect.sync(() => {
        const finish: Response.FinishPartEncoded = {
          type: "finish",
          reason,
          usage: {
            inputTokens: { total: input, uncached: undefined, cacheRead: undefined, cacheWrite: undefined },
            outputTokens: { total: output, text: undefined, reasoning: undefined }
          }
        }
        const [own, meant] = [newSpan(), newSpan()]
        AttemptSpan.answeredBy(own, TestProvider.script(name, [], { model }), finish)
        Telemetry.addGenAIAnnotations(meant, {
          provider: { name },
          operation: { name: "chat" },
          request: { model },
          response: { finishReasons: [reason] },
          usage: { inputTokens: input, outputTokens: output }
        })
        assert.deepStrictEqual([...own.attributes], [...meant.attributes])
      }),
    { cases: 200 }
  )
})
