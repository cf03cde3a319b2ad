/** The files that a piece of work enters: those of which a function ran meanwhile, as V8 counts calls. */
import * as Effect from "effect/Effect"
import { Session } from "node:inspector/promises"

const source = "packages/llm/src/"

/** Runs an effect and lists the files of this package's source that it entered. Modules are loaded before, not within. */
export const entered = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<string>, E, R> =>
  Effect.acquireUseRelease(
    Effect.promise(async () => {
      const session = new Session()
      session.connect()
      await session.post("Profiler.enable")
      await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false })
      // What ran before is not counted.
      await session.post("Profiler.takePreciseCoverage")
      return session
    }),
    (session) =>
      Effect.andThen(
        work,
        Effect.promise(async () => {
          const { result } = await session.post("Profiler.takePreciseCoverage")
          return result.flatMap(({ functions, url }) => {
            const at = url.indexOf(source)
            const ran = functions.some(({ functionName, ranges: [range] }) =>
              functionName !== "" && range !== undefined && range.count > 0
            )
            return at === -1 || !ran ? [] : [url.slice(at + source.length).replace(/\?.*$/u, "")]
          }).toSorted()
        })
      ),
    (session) => Effect.sync(() => session.disconnect())
  )
