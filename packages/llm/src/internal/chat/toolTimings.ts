/**
 * Tools that report each call: how long it took, and how it ended.
 *
 * Guarded by `test/ChatService.test.ts` and `test/laws.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { ToolCall } from "./answer.ts"

/** Some tools, whichever. */
export type Tools = Record<string, Tool.Any>

type Result = Tool.HandlerResult<Tool.Any>

/** The same tools, with each call told when it has ended, and in a span of its own. */
export const timed = <R>(
  toolkit: Toolkit.WithHandler<Tools>,
  iteration: number,
  tell: (call: ToolCall) => void
): Toolkit.WithHandler<Tools> => ({
  tools: toolkit.tools,
  handle: (name, params, toolCallId, options) =>
    Effect.map(Clock.Clock, (clock) => {
      const startedAt = clock.currentTimeMillisUnsafe()
      let last: Result | undefined
      const handled = Effect.map(
        toolkit.handle(name, params, toolCallId, options),
        // The toolkit's type has the tool's errors and requirements, which are unknown here.
        (results) => results as Stream.Stream<Result, AiError.AiError, R>
      ) as Effect.Effect<Stream.Stream<Result, AiError.AiError, R>, AiError.AiError, R>
      return Stream.unwrap(handled).pipe(
        Stream.tap((result) =>
          Effect.sync(() => {
            if (!result.preliminary) last = result
          })
        ),
        Stream.onExit((exit) =>
          Effect.sync(() =>
            tell({
              id: toolCallId ?? "",
              name,
              params,
              result: last?.encodedResult,
              success: Exit.isSuccess(exit) && last !== undefined && !last.isFailure,
              iteration,
              startedAt,
              duration: Duration.millis(clock.currentTimeMillisUnsafe() - startedAt)
            })
          )
        ),
        Stream.withSpan(`execute_tool ${name}`, {
          attributes: {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.id": toolCallId
          }
        })
      )
    }) as ReturnType<Toolkit.WithHandler<Tools>["handle"]>
})
