/**
 * A server in a process of its own that plays the script of trouble. It has a number of desks and a queue without end
 * before them, as servers have: what a caller has given up on is worked on all the same.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { createServer, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { type Act, actAt, duration, fate, starts, work } from "./acts.ts"
import { type Line, now } from "./processes.ts"

/** What the server is told: the script, the seed of its chances, and how long a sample of time is. */
export interface Orders {
  readonly acts: ReadonlyArray<Act>
  readonly seed: number
  readonly bucket: number
}

/** What the server saw. */
export interface Seen {
  /** How many requests each call came to. */
  readonly byCall: ReadonlyArray<number>
  /** How many requests came in each sample of time. */
  readonly byBucket: ReadonlyArray<number>
  /** How many sockets were open at most in each act. */
  readonly sockets: ReadonlyArray<number>
}

/** Lets so many work at once; the others wait in their order. */
class Desks {
  private taken = 0
  private readonly waiting: Array<() => void> = []
  private count: number

  constructor(count: number) {
    this.count = count
  }

  resize(count: number): void {
    this.count = count
    this.call()
  }

  take(begin: () => void): void {
    this.waiting.push(begin)
    this.call()
  }

  leave(): void {
    this.taken--
    this.call()
  }

  private call(): void {
    while (this.taken < this.count) {
      const next = this.waiting.shift()
      if (next === undefined) return
      this.taken++
      next()
    }
  }
}

const body = JSON.stringify({ sku: "4711", left: 3, warehouse: "north", updated: "2026-11-23" })

/**
 * Serves until the parent ends it. Tells the port, takes the instant at which the first act begins, and then tells what it
 * has seen whenever it is asked.
 */
export const serve = async ({ acts, bucket, seed }: Orders, parent: Line): Promise<never> => {
  const random = Effect.runSync(Random.withSeed(Random.Random, seed))
  const desks = new Desks(acts[0]?.trouble.desks ?? 1)
  const byCall: Array<number> = []
  const byBucket = Array.from({ length: Math.ceil(duration(acts) / bucket) }, () => 0)
  const sockets = acts.map(() => 0)
  const open = new Set<Socket>()
  let startAt = Infinity

  const answer = (response: ServerResponse, status: number, text: string) => {
    if (response.destroyed) return
    response.writeHead(status, { "content-type": "application/json", "content-length": text.length })
    response.end(text)
  }

  const server = createServer((request, response) => {
    // What a client sends to warm up does not count.
    if (now() < startAt) return answer(response, 200, body)
    const call = Number(request.url?.slice(1))
    byCall[call] = (byCall[call] ?? 0) + 1
    const at = now() - startAt
    const sample = Math.floor(at / bucket)
    if (sample < byBucket.length) byBucket[sample] = (byBucket[sample] ?? 0) + 1
    // Two chances a request, used or not: the n-th of a run has the same for every client.
    const chance = random.nextDoubleUnsafe()
    const millis = work.least + random.nextDoubleUnsafe() * (work.most - work.least)
    switch (fate(acts[actAt(acts, at)]!.trouble, chance)) {
      case "error":
        return answer(response, 503, "busy")
      case "silence":
        return
      case "reset":
        request.socket.resetAndDestroy()
        return
      case "answer":
        desks.take(() =>
          setTimeout(() => {
            answer(response, 200, body)
            desks.leave()
          }, millis)
        )
    }
  })
  const noteSockets = (act: number) => {
    sockets[act] = Math.max(sockets[act] ?? 0, open.size)
  }
  server.on("connection", (socket) => {
    open.add(socket)
    noteSockets(actAt(acts, now() - startAt))
    socket.on("error", () => undefined)
    socket.on("close", () => open.delete(socket))
  })
  server.keepAliveTimeout = 60_000
  server.requestTimeout = 0
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, resolve))
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("The server has no port")
  startAt = await parent.ask<number>(address.port)
  for (const [index, start] of starts(acts).entries()) {
    setTimeout(() => {
      desks.resize(acts[index]!.trouble.desks)
      noteSockets(index)
    }, startAt + start - now())
  }
  for (;;) {
    await parent.next()
    parent.send({ byCall: Array.from(byCall, (requests) => requests ?? 0), byBucket, sockets } satisfies Seen)
  }
}
