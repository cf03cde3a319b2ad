/** The files that a piece of work enters: those of which a function ran meanwhile, as V8 counts calls. For tests of walks. */
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { Session } from "node:inspector/promises"

/**
 * Runs an effect and lists the source files that it entered, as `core/internal/keyed.ts`. Modules are loaded before, not
 * within.
 */
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
            const [, name, file] = /packages\/(\w+)\/src\/([^?]*)/u.exec(url) ?? []
            const ran = functions.some(({ functionName, ranges: [range] }) =>
              functionName !== "" && range !== undefined && range.count > 0
            )
            return file === undefined || !ran ? [] : [`${name}/${file}`]
          }).toSorted()
        })
      ),
    (session) => Effect.sync(() => session.disconnect())
  )

/** A page that follows a walk: its numbered files, and those that it names beside the way. */
export const walkIn = (file: string) => {
  const page = readFileSync(file, "utf8")
  const steps = Array.from(
    page.matchAll(/^(\d+)\. `([^`]+\.ts)`/gm),
    ([, step, file = ""]) => ({ step: Number(step), file })
  )
  const beside = Array.from(
    (page.split("## Beside the way")[1]?.split(/^## /m)[0] ?? "").matchAll(/`([^`]+\.ts)`/gu),
    ([, file = ""]) => file
  )
  return { page, steps, beside, named: [...steps.map(({ file }) => file), ...beside] }
}
