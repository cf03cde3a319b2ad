/**
 * A visitor's simulation, as the page sees it: a worker that computes, and what it has sent.
 *
 * A worker that is stuck in one step hears nothing. It gets five seconds to answer, and then another one takes its place.
 */
import { Receiver } from "./changes.ts"
import type { State } from "./link.ts"
import type { Frame, Reply, Request, Scene } from "./messages.ts"
import type { Summary } from "./view.ts"

/** What the page is told. */
export interface Listener {
  readonly onScene: (scene: Scene, lines: Receiver) => void
  readonly onSummary: (summary: Summary) => void
  /** Once a frame of the browser, if something has changed: time to draw. */
  readonly onFrame: (now: number) => void
  readonly onOver: () => void
  readonly onPaused: () => void
  readonly onFault: (message: string) => void
}

const patience = 5_000

export class Session {
  private readonly make: () => Worker
  private readonly listener: Listener
  private worker: Worker | undefined
  /** Whether the worker has said anything yet. Until it has, it may still be loading. */
  private isLoaded = false
  private id = 0
  private lines: Receiver | undefined
  /** Frames that the next picture shows. */
  private received: Array<Frame> = []
  private request: number | undefined
  private watch: ReturnType<typeof setTimeout> | undefined

  constructor(make: () => Worker, listener: Listener) {
    this.make = make
    this.listener = listener
  }

  run(state: State, speed: number): void {
    this.forget()
    this.id++
    const request: Request = { type: "run", id: this.id, state, speed }
    this.send(request)
    this.watched(() => this.send(request))
  }

  stop(): void {
    this.forget()
    this.id++
    this.send({ type: "stop" })
    this.watched(() => {})
  }

  pause(): void {
    this.send({ type: "pause" })
  }

  resume(): void {
    this.send({ type: "resume" })
  }

  step(): void {
    this.send({ type: "step" })
  }

  speed(speed: number): void {
    this.send({ type: "speed", speed })
  }

  close(): void {
    this.forget()
    clearTimeout(this.watch)
    this.worker?.terminate()
    this.worker = undefined
  }

  /** Drops what belongs to the run before. */
  private forget(): void {
    this.received = []
    if (this.request !== undefined) cancelAnimationFrame(this.request)
    this.request = undefined
  }

  private send(message: Request): void {
    this.worker ??= this.started()
    this.worker?.postMessage(message)
  }

  /** Replaces the worker if it does not answer. */
  private watched(again: () => void): void {
    clearTimeout(this.watch)
    this.send({ type: "ping" })
    if (!this.isLoaded) return
    this.watch = setTimeout(() => {
      this.worker?.terminate()
      this.worker = undefined
      again()
    }, patience)
  }

  private started(): Worker | undefined {
    try {
      const worker = this.make()
      this.isLoaded = false
      worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
        if (worker === this.worker) this.hear(data)
      })
      worker.addEventListener("error", (event) => {
        this.listener.onFault(event.message || "The program of the simulation could not be loaded. Reload the page.")
      })
      return worker
    } catch {
      this.listener.onFault("This browser has no Web Workers, in which the simulation runs. Try another browser.")
      return undefined
    }
  }

  private hear(reply: Reply): void {
    this.isLoaded = true
    if (reply.type === "alive") return clearTimeout(this.watch)
    if (reply.id !== this.id) return
    switch (reply.type) {
      case "scene": {
        const { duration, every, plots } = reply.scene
        const count = plots.reduce((sum, { lines }) => sum + lines.length, 0)
        this.lines = new Receiver(count, Math.ceil(duration / every))
        return this.listener.onScene(reply.scene, this.lines)
      }
      case "frame":
        this.received.push(reply)
        this.request ??= requestAnimationFrame(() => this.draw())
        return
      case "fault":
        return this.listener.onFault(reply.message)
    }
  }

  private draw(): void {
    const { id, lines, listener, received } = this
    this.request = undefined
    this.received = []
    for (const { changed, isOver, isPaused, now, summary } of received) {
      lines?.apply(changed)
      this.send({ type: "drawn", id })
      listener.onFrame(now)
      if (summary !== undefined) listener.onSummary(summary)
      if (isPaused) listener.onPaused()
      if (isOver) listener.onOver()
    }
  }
}
