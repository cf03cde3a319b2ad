/** Runs the simulation beside the page: the same policies as in production, in virtual time. Nothing leaves the browser. */
import * as Simulation from "@holdfast/simulator/Simulation"
import * as SystemData from "@holdfast/simulator/SystemData"
import * as Effect from "effect/Effect"
import { parse } from "yaml"
import type { State } from "./link.ts"
import { applied } from "./sliders.ts"
import { type View, viewOf } from "./view.ts"

export type Request =
  | { readonly type: "run"; readonly id: number; readonly state: State; readonly speed: number }
  | { readonly type: "stop" }

export type Reply =
  | { readonly type: "view"; readonly id: number; readonly view: View }
  | { readonly type: "fault"; readonly id: number; readonly message: string }

const reply = (message: Reply): void => postMessage(message)

/** Thirty pictures a second. */
const frame = 1_000 / 30
let timer: ReturnType<typeof setTimeout> | undefined

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

const run = async ({ id, speed, state }: Extract<Request, { readonly type: "run" }>): Promise<void> => {
  try {
    const data = await Effect.runPromise(SystemData.decode(applied(parse(state.text), state.sliders)))
    const running = Simulation.start(SystemData.toSystem(data), { seed: state.seed })
    // The simulated time that takes some milliseconds to compute: a step must not hold up the next picture.
    let slice = 100
    const step = (): void => {
      const began = performance.now()
      const until = running.now + frame * speed
      let now = began
      while (!running.isOver && running.now < until && now - began < frame) {
        running.advanceTo(Math.min(until, running.now + slice))
        const took = performance.now() - now
        slice *= took < 3 ? 2 : took > 10 ? 0.5 : 1
        now += took
      }
      reply({ type: "view", id, view: viewOf(running) })
      if (!running.isOver) timer = setTimeout(step, Math.max(0, frame - (performance.now() - began)))
    }
    step()
  } catch (error) {
    reply({ type: "fault", id, message: messageOf(error) })
  }
}

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  clearTimeout(timer)
  if (data.type === "run") void run(data)
})
