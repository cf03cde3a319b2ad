/** Talk between the suite and the processes that it starts, and the clock that they share. */
import { type ChildProcess, fork, type Serializable } from "node:child_process"
import { on } from "node:events"
import { performance } from "node:perf_hooks"

/** Milliseconds since the epoch, with fractions: one clock for all processes of a machine. */
export const now = (): number => performance.timeOrigin + performance.now()

/** A message at a time in both directions. */
export interface Line {
  readonly send: (message: Serializable) => void
  readonly next: <A>() => Promise<A>
  readonly ask: <A>(message: Serializable) => Promise<A>
}

const lineOf = (one: NodeJS.Process | ChildProcess): Line => {
  const messages = on(one, "message", { close: ["disconnect"] })
  const next = async <A>(): Promise<A> => {
    const { done, value } = await messages.next()
    if (done === true) throw new Error("The other process has ended")
    return value[0]
  }
  const send = (message: Serializable) => {
    one.send?.(message)
  }
  return {
    send,
    next,
    ask: (message) => {
      send(message)
      return next()
    }
  }
}

/** The line to the process that started this one: the first to call this has it. */
export const parent = (): Line => lineOf(process)

/** A process of this suite, which ends with its parent. */
export interface Child extends Line {
  readonly end: () => Promise<void>
}

/** Starts `file` in a role, and hands it its orders. */
export const start = (file: string, role: string, orders: Serializable): Child => {
  const child = fork(file, ["as", role], { execArgv: [], serialization: "advanced" })
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const line = lineOf(child)
  line.send(orders)
  return {
    ...line,
    end: () => {
      child.kill()
      return exited
    }
  }
}
