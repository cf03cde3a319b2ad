import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { DeadlineHeader, UndiciTransport } from "@holdfast/http"
import { Effect, Exit, Layer, Logger, Stream } from "effect"
import { HttpClient, HttpClientRequest, HttpRouter, HttpServer } from "effect/http"
import { createServer, type ServerResponse } from "node:http"
import { ChatRoute, Model, terminator } from "./ChatEndpoint.ts"
import { loopback } from "./loopback.ts"

/** How the model's server treats one request. */
type Deed = (response: ServerResponse) => void

const answers: Deed = (response) => {
  response.write("Hold\n")
  setImmediate(() => response.end(`fast\n${terminator}\n`))
}
const busy: Deed = (response) => void response.writeHead(503).end()
const lost: Deed = (response) => void response.destroy()
const cut: Deed = (response) => void response.write("Hold\n", () => response.destroy())
const early: Deed = (response) => void response.end("Hold\n")
const silent: Deed = () => undefined

/** The endpoint before a model whose server does one deed after the other, and what that server saw. */
const endpoint = (...deeds: ReadonlyArray<Deed>) =>
  Effect.gen(function*() {
    const deadlines: Array<string | undefined> = []
    let open = 0
    const model = yield* loopback((request, response) => {
      const left = request.headers[DeadlineHeader.defaultName]
      deadlines.push(typeof left === "string" ? left : undefined)
      open++
      response.on("close", () => open--)
      request.resume().on("end", () => deeds[deadlines.length - 1]?.(response))
    })
    const served = yield* Layer.build(
      HttpRouter.serve(ChatRoute, { disableListenLog: true, disableLogger: true }).pipe(
        Layer.provide(Model.layer(model)),
        Layer.provide(UndiciTransport.layer()),
        Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })),
        Layer.provide(Logger.layer([]))
      )
    )
    const { address } = yield* Effect.provide(HttpServer.HttpServer, served)
    const url = `http://127.0.0.1:${"port" in address ? address.port : ""}/chat`
    const ask = (headers: Record<string, string> = {}) =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const request = HttpClientRequest.post(url, { headers })
        const answer = Effect.tap(
          HttpClient.execute(HttpClientRequest.bodyText(request, "What do you do?")),
          ({ stream }) =>
            stream.pipe(
              Stream.decodeText,
              Stream.splitLines,
              Stream.runForEach((line) => Effect.sync(() => lines.push(line)))
            )
        )
        return { exit: yield* Effect.exit(answer), lines }
      }).pipe(Effect.scoped, Effect.provide(UndiciTransport.layer()))
    return { ask, deadlines, open: () => open }
  })

const statusOf = (exit: Exit.Exit<{ readonly status: number }, unknown>) =>
  Exit.isSuccess(exit) ? exit.value.status : String(exit)

describe("ChatEndpoint", () => {
  it.live("hides what goes wrong before the first byte", () =>
    Effect.gen(function*() {
      const { ask, deadlines } = yield* endpoint(busy, lost, answers)
      const { exit, lines } = yield* ask()
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(lines, ["Hold", "fast", terminator])
      assert.strictEqual(deadlines.length, 3)
    }))

  it.live.each([["is cut", cut], ["ends early", early]] as const)(
    "asks once for an answer that %s, and does not pass it off as whole",
    ([, deed]) =>
      Effect.gen(function*() {
        const { ask, deadlines } = yield* endpoint(deed, answers)
        const { exit, lines } = yield* ask()
        assert.isTrue(Exit.isFailure(exit))
        assert.notInclude(lines, terminator)
        assert.notInclude(lines, "fast")
        assert.strictEqual(deadlines.length, 1)
      })
  )

  it.live("answers 503 when there is no answer to be had", () =>
    Effect.gen(function*() {
      const { ask, deadlines } = yield* endpoint(busy, busy, busy, busy)
      assert.strictEqual(statusOf((yield* ask()).exit), 503)
      assert.strictEqual(deadlines.length, 4)
    }))

  it.live("tells the model's server what is left, and stops with the caller's time", () =>
    Effect.gen(function*() {
      const { ask, deadlines, open } = yield* endpoint(silent)
      assert.strictEqual(statusOf((yield* ask({ [DeadlineHeader.defaultName]: "500" })).exit), 504)
      assert.strictEqual(deadlines.length, 1)
      assert.isAtMost(Number(deadlines[0]), 500)
      // The model's server notices that its reader has left.
      while (open() > 0) yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
    }))
})
