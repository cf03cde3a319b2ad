/** The messages between the page and the worker that simulates. */
import type { Changed } from "./changes.ts"
import type { State } from "./link.ts"
import type { Control } from "./sliders.ts"
import type { PlotLines, Summary } from "./view.ts"

/** A run, as far as it is known before it starts. */
export interface Scene {
  readonly duration: number
  readonly every: number
  /** From the begin of the first event to the end of the last one, in milliseconds. */
  readonly trigger: { readonly from: number; readonly to: number } | undefined
  readonly plots: ReadonlyArray<PlotLines>
  /** The sliders that this system has. */
  readonly controls: ReadonlyArray<Control>
}

export type Request =
  | { readonly type: "run"; readonly id: number; readonly state: State; readonly speed: number }
  | { readonly type: "speed"; readonly speed: number }
  | { readonly type: "pause" | "resume" | "step" | "stop" }
  /** A frame of a run was drawn: the worker may send another one. */
  | { readonly type: "drawn"; readonly id: number }
  /** The worker answers with `alive`, unless it is stuck in a step. */
  | { readonly type: "ping" }

/** What happened since the last frame. */
export interface Frame {
  readonly type: "frame"
  readonly id: number
  readonly now: number
  readonly isOver: boolean
  readonly isPaused: boolean
  readonly changed: Changed
  /** The tables, a few times a second. */
  readonly summary: Summary | undefined
}

export type Reply =
  | { readonly type: "scene"; readonly id: number; readonly scene: Scene }
  | Frame
  | { readonly type: "fault"; readonly id: number; readonly message: string }
  | { readonly type: "alive" }
