/** Runs the simulation beside the page: the same policies as in production, in virtual time. Nothing leaves the browser. */
import * as Simulation from "@holdfast/simulator/Simulation"
import * as SystemData from "@holdfast/simulator/SystemData"
import * as Effect from "effect/Effect"
import { parse } from "yaml"
import { Sender } from "./changes.ts"
import { wordsOf } from "./faults.ts"
import type { Reply, Request } from "./messages.ts"
import { applied, controlsOf } from "./sliders.ts"
import { plotsOf, summaryOf, valuesOf } from "./view.ts"

const reply = (message: Reply): void =>
  postMessage(message, { transfer: message.type === "frame" ? [message.changed.values.buffer] : [] })

/** How long a step may compute, in milliseconds: then a frame can be sent. Sixty frames a second leave 16.7. */
const step = 12
const frame = 1_000 / 60
/** The tables are text, which a person reads: a few times a second is enough. */
const betweenSummaries = 200
/** A page in the background draws nothing, and gets nothing until it does again. */
const mostUndrawn = 2
/** A call in flight takes some kilobytes. A browser ends a page that takes gigabytes. */
const mostInFlight = 200_000

class Run {
  private readonly id: number
  private readonly running: Simulation.Running
  private readonly plots: ReturnType<typeof plotsOf>
  private readonly sender = new Sender()
  private readonly every: number
  private timer: ReturnType<typeof setTimeout> | undefined
  /** The simulated time that takes some milliseconds to compute. It begins small: nothing is known of the system yet. */
  private slice = 0.01
  private last: number
  private summarised = -Infinity
  private before: ReturnType<Simulation.Running["outcome"]>["edges"] = []
  private undrawn = 0
  private isPaused = false
  speed: number

  constructor(id: number, running: Simulation.Running, controls: ReturnType<typeof controlsOf>, speed: number) {
    this.id = id
    this.running = running
    this.speed = speed
    this.last = performance.now()
    const outcome = running.outcome()
    this.plots = plotsOf(outcome)
    const { duration, every, trigger } = outcome
    const plots = this.plots.map(({ lines, title, unit }) => ({ lines, title, unit }))
    this.every = every
    reply({ type: "scene", id, scene: { duration, every, trigger, plots, controls } })
  }

  private later(act: () => void, millis: number): void {
    this.timer = setTimeout(() => guarded(act), millis)
  }

  private tick = (): void => {
    const { last, running, speed } = this
    const began = performance.now()
    this.last = began
    // What could not be computed in time is not made up for, or the run would jump.
    this.advance(running.now + Math.min(100, began - last) * speed)
    this.send()
    if (running.isOver || this.isPaused) return
    this.later(this.tick, Math.max(0, frame - (performance.now() - began)))
  }

  /** Computes up to an instant, or for as long as a step may take. */
  private advance(until: number): void {
    const { running } = this
    const began = performance.now()
    for (let now = began; !running.isOver && running.now < until && now - began < step;) {
      running.advanceTo(Math.min(until, running.now + this.slice))
      const took = performance.now() - now
      this.slice *= took < 2 ? 2 : took > 5 ? 0.5 : 1
      now += took
    }
    if (running.inFlight > mostInFlight) {
      throw new Error(
        `Over ${
          mostInFlight.toLocaleString("en")
        } calls are in flight, which is more than a page can hold: give services a queue and calls a timeout, or lower the load.`
      )
    }
  }

  private send(): void {
    const { id, running } = this
    const { isOver } = running
    if (this.undrawn >= mostUndrawn && !isOver && !this.isPaused) return
    const now = performance.now()
    const outcome = running.outcome()
    const hasSummary = isOver || this.isPaused || now - this.summarised >= betweenSummaries
    const { before } = this
    if (hasSummary) {
      this.summarised = now
      this.before = outcome.edges
    }
    this.undrawn++
    reply({
      type: "frame",
      id,
      now: Math.min(running.now, running.duration),
      isOver,
      isPaused: this.isPaused,
      changed: this.sender.changed(valuesOf(this.plots, outcome, running.now)),
      summary: hasSummary ? summaryOf(outcome, isOver, before) : undefined
    })
  }

  drawn(id: number): void {
    if (id === this.id) this.undrawn--
  }

  stop(): void {
    clearTimeout(this.timer)
  }

  pause(): void {
    this.stop()
    this.isPaused = true
    this.send()
  }

  resume(): void {
    this.stop()
    this.isPaused = false
    this.last = performance.now()
    this.tick()
  }

  /** To the end of the slot, which may take longer than a step. */
  step(): void {
    const { every, running } = this
    const until = (Math.floor(running.now / every) + 1) * every
    const go = () => {
      this.advance(until)
      this.send()
      if (running.now < until && !running.isOver) this.later(go, 0)
    }
    this.pause()
    go()
  }
}

let current: Run | undefined
let id = 0
let text = ""

const guarded = (act: () => void): void => {
  try {
    act()
  } catch (error) {
    current?.stop()
    current = undefined
    reply({ type: "fault", id, message: wordsOf(text, error) })
  }
}

const start = (request: Extract<Request, { readonly type: "run" }>): void => {
  current?.stop()
  current = undefined
  id = request.id
  text = request.state.text
  const parsed: unknown = parse(request.state.text)
  const data = Effect.runSync(SystemData.decode(applied(parsed, request.state.sliders)))
  const running = Simulation.start(SystemData.toSystem(data), { seed: request.state.seed })
  current = new Run(id, running, controlsOf(parsed), request.speed)
  current.resume()
}

addEventListener("message", ({ data }: MessageEvent<Request>) =>
  guarded(() => {
    switch (data.type) {
      case "run":
        return start(data)
      case "ping":
        return reply({ type: "alive" })
      case "speed":
        if (current !== undefined) current.speed = data.speed
        return
      case "drawn":
        return current?.drawn(data.id)
      default:
        return current?.[data.type]()
    }
  }))
