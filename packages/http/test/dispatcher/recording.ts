/** One dispatch, and everything that its handler is told, in order, with arguments. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Dispatcher } from "undici"

type Controller = Dispatcher.DispatchController

/** What a handler does at an event: pause, resume, abort, throw. */
export type Acts = Partial<Record<keyof Dispatcher.DispatchHandler, (controller: Controller, count: number) => void>>

export type Recorded = ReadonlyArray<ReadonlyArray<unknown>>

/** Names and values as text, whether they came as bytes or not. */
const words = (raw: unknown): unknown =>
  Array.isArray(raw) ? raw.map((one) => String(one)) : typeof raw === "object" && raw !== null ? { ...raw } : raw

const told = (error: Error): ReadonlyArray<unknown> => [error.name, Object(error).code, error.message]

/** Pauses, and resumes a little later: what comes in between is in the record before `resumed`. */
export const pausing = (controller: Controller, record: (event: string) => void): void => {
  controller.pause()
  void sleep(10).then(() => {
    record("resumed")
    controller.resume()
  })
}

/**
 * Dispatches once, and waits for the end, and for a while after it: an event that comes late is one too many. Bytes that
 * follow one another are one event, however they came.
 */
export const recording = async (
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  acts: (record: (event: string) => void) => Acts = () => ({})
): Promise<Recorded> => {
  const events: Array<Array<unknown>> = []
  const record = (...event: Array<unknown>) => void events.push(event)
  const does = acts(record)
  const counts: Record<string, number> = {}
  const act = (name: keyof Acts, controller: Controller) =>
    does[name]?.(controller, counts[name] = (counts[name] ?? 0) + 1)
  let current: Controller | undefined
  const bytes = (name: string, chunk: Uint8Array) => {
    const last = events.at(-1)
    if (last?.[0] === name) last[1] = `${String(last[1])}${Buffer.from(chunk).toString("latin1")}`
    else record(name, Buffer.from(chunk).toString("latin1"))
  }
  await new Promise<void>((resolve) => {
    const end = () => void sleep(25).then(() => resolve())
    // What it returns is about the next dispatch: over the resilient dispatcher it is always `true`.
    dispatcher.dispatch(options, {
      onRequestStart: (controller) => {
        current = controller
        record("request start", controller.aborted, controller.paused)
        act("onRequestStart", controller)
      },
      onBodySent: (chunk) => {
        bytes("body sent", chunk)
        act("onBodySent", current!)
      },
      onRequestSent: () => {
        record("request sent")
        act("onRequestSent", current!)
      },
      onResponseStarted: () => record("response started"),
      onRequestUpgrade: (controller, status, headers, socket) => {
        record("upgrade", status, { ...headers }, words(controller.rawHeaders))
        act("onRequestUpgrade", controller)
        socket.on("error", () => undefined).destroy()
        end()
      },
      onResponseStart: (controller, status, headers, statusText) => {
        record("response start", status, { ...headers }, statusText, words(controller.rawHeaders))
        act("onResponseStart", controller)
      },
      onResponseData: (controller, chunk) => {
        bytes("data", chunk)
        act("onResponseData", controller)
      },
      onResponseEnd: (controller, trailers) => {
        record("end", { ...trailers }, words(controller.rawTrailers))
        end()
        act("onResponseEnd", controller)
      },
      onResponseError: (controller: Controller | null, error) => {
        record("error", told(error), controller?.aborted ?? false, controller?.reason?.message)
        end()
      }
    })
  })
  return events
}
