/** A policy in a file: what is read, what is refused, and what follows when the file changes. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { assertEquals } from "@effect/vitest/utils"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as HttpPolicyFile from "@holdfast/http/HttpPolicyFile"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Path from "effect/Path"
import * as PlatformError from "effect/PlatformError"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const yaml = `
# The policy of all our calls to models.
llm:
  http:
    timeout: 30.0
    max_retries: 3
    initial_retry_delay: 1.0
    max_retry_delay: 16.0
    retry_multiplier: 2.0
    retry_jitter: 0.1
    max_keepalive_connections: 20
    max_connections: 100
    keepalive_expiry: 30.0
`

const json = `{
  "timeouts": { "attempt": "30 seconds" },
  "retry": {
    "times": 3,
    "backoff": { "type": "exponential", "initial": 1, "max": 16, "factor": 2, "jitter": { "proportional": 0.1 } }
  },
  "transport": { "connections": 100, "idleConnections": 20, "keepAlive": "30 seconds" }
}`

describe("parse", () => {
  it.effect("reads the same from YAML in flat keys as from JSON in our own", () =>
    Effect.gen(function*() {
      const fromYaml = yield* HttpPolicyFile.parse(yaml, { path: ["llm", "http"] })
      assertEquals(fromYaml, yield* HttpPolicyFile.parse(json))
      assert.strictEqual(fromYaml.transport?.connections, 100)
    }))

  it.effect.each<[string, ReadonlyArray<string>]>([
    ["", []],
    ["# nothing yet", []],
    ["llm:", ["llm", "http"]],
    ["llm: { http: }", ["llm", "http"]],
    ["other: 1", ["llm", "http"]],
    ["llm: 3", ["llm", "http"]]
  ])("takes %j for the policy that says nothing", ([text, path]) =>
    Effect.gen(function*() {
      assertEquals(yield* HttpPolicyFile.parse(text, { path }), {})
    }))

  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x,x]",
    ..."bcdefgh".split("").map((key, i) => {
      const before = "abcdefgh"[i]
      return `${key}: &${key} [${Array.from({ length: 10 }, () => `*${before}`).join()}]`
    })
  ].join("\n")

  it.effect.each<[string, string, RegExp]>([
    ["what is not YAML", "retry: {times: 3", /at line 1, column/],
    ["a key that is written twice", "timeout: 1\ntimeout: 2", /Map keys must be unique at line 2/],
    ["aliases without end", bomb, /alias/i],
    ["a number instead of a map", "3", /Expected object/],
    ["an invalid policy", "bulkhead: {limit: 0}", /must be .* got 0\n {2}at \["bulkhead"\]\["limit"\]/]
  ])("refuses %s", ([, text, message]) =>
    Effect.gen(function*() {
      assert.match((yield* Effect.flip(HttpPolicyFile.parse(text))).message, message)
    }))
})

/** A file that is changed by hand, under `TestClock`. */
const fake = (first: string) =>
  Effect.gen(function*() {
    const file = { text: first, missing: false }
    const events = yield* Queue.make<FileSystem.WatchEvent>()
    const logs: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      logs.push(`${logLevel} ${message}`)
    })
    const missing = PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "readFileString" })
    const layer = Layer.mergeAll(
      FileSystem.layerNoop({
        readFileString: () => Effect.suspend(() => file.missing ? Effect.fail(missing) : Effect.succeed(file.text)),
        watch: (path, options) => {
          assert.strictEqual(path, "/etc/app")
          options?.onReady?.()
          return Stream.fromQueue(events)
        }
      }),
      Path.layer,
      Logger.layer([logger])
    )
    const tell = Queue.offer(events, { _tag: "Update", path: "/etc/app/..data" })
    const write = (text: string) =>
      Effect.andThen(
        Effect.suspend(() => {
          file.text = text
          return tell
        }),
        TestClock.adjust("1 second")
      )
    return { file, layer, logs, tell, write }
  })

const header = (options: HttpPolicy.Options) => options.headers?.["x-a"]

describe("changes", () => {
  it.effect("gives the options of the file, and again when they change", () =>
    Effect.gen(function*() {
      const { layer, write } = yield* fake("headers: {x-a: '1'}")
      yield* Effect.gen(function*() {
        const pull = yield* Stream.toPull(Stream.map(HttpPolicyFile.changes("/etc/app/http.yaml"), header))
        assertEquals(yield* pull, ["1"])
        const next = yield* Effect.forkChild(pull, { startImmediately: true })
        yield* TestClock.adjust("1 second")
        // What is written differently and means the same is not a change.
        yield* write("headers:\n  x-a: '1' # as before")
        assert.isUndefined(next.pollUnsafe())
        yield* write("headers: {x-a: '2'}")
        assertEquals(yield* (next.pollUnsafe() ?? Effect.die("no change")), ["2"])
      }).pipe(Effect.scoped, Effect.provide(layer))
    }))

  it.effect("waits until nothing has happened for a while, so that no half of a file is read", () =>
    Effect.gen(function*() {
      const { file, layer, logs, tell } = yield* fake("headers: {x-a: '1'}")
      yield* Effect.gen(function*() {
        const seen: Array<string> = []
        yield* HttpPolicyFile.changes("/etc/app/http.yaml").pipe(
          Stream.runForEach((options) => Effect.sync(() => seen.push(String(header(options))))),
          Effect.forkChild({ startImmediately: true })
        )
        yield* TestClock.adjust("1 second")
        file.text = "headers: {x-a"
        yield* tell
        yield* TestClock.adjust("99 millis")
        file.text = "headers: {x-a: '2'}"
        yield* tell
        yield* TestClock.adjust("99 millis")
        assert.deepStrictEqual(seen, ["1"])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(seen, ["1", "2"])
        assert.deepStrictEqual(logs, [])
      }).pipe(Effect.provide(layer))
    }))

  it.effect("leaves out unreadable and invalid settings, and says why", () =>
    Effect.gen(function*() {
      const { file, layer, logs, write } = yield* fake("{}")
      yield* Effect.gen(function*() {
        const seen: Array<HttpPolicy.Options> = []
        yield* HttpPolicyFile.changes("/etc/app/http.yaml", { also: { idempotent: true } }).pipe(
          Stream.runForEach((options) => Effect.sync(() => seen.push(options))),
          Effect.forkChild({ startImmediately: true })
        )
        yield* TestClock.adjust("1 second")
        yield* write("timeouts: {attempt: 3, total: 2}")
        yield* write("timeouts: [")
        file.missing = true
        yield* write("")
        file.missing = false
        yield* write("timeouts: {total: 2}")
        assertEquals(seen.map(({ timeouts }) => timeouts === undefined), [true, false])
        assert.isTrue(seen.every(({ idempotent }) => idempotent === true))
        assert.strictEqual(logs.length, 3)
        assert.match(
          logs[0] ?? "",
          /^Warn \/etc\/app\/http\.yaml: the policy stays as it is: must not be longer/
        )
        assert.match(logs[1] ?? "", /at line 1/)
        assert.match(logs[2] ?? "", /NotFound/)
      }).pipe(Effect.provide(layer))
    }))

  it.effect("fails when the file cannot be read or meant to begin with", () =>
    Effect.gen(function*() {
      const { file, layer } = yield* fake("retries: 3")
      const build = Layer.build(ResilientHttpClient.layerReloading(HttpPolicyFile.changes("/etc/app/http.yaml"))).pipe(
        Effect.provide([TestTransport.layer([]), layer]),
        Effect.scoped,
        Effect.flip
      )
      assert.strictEqual((yield* build)._tag, "SchemaError")
      file.text = "a: ["
      assert.strictEqual((yield* build)._tag, "ConfigTextError")
      file.text = "retry: { times: 1 }\n---\nretry: { times: 2 }"
      assert.include((yield* build).message, "several documents: keep one (another begins at line 2)")
      file.missing = true
      assert.strictEqual((yield* build)._tag, "PlatformError")
    }))

  it.effect("keeps an open circuit open over a change of the file, as its options are equal", () =>
    Effect.gen(function*() {
      const breaker = "circuitBreaker: {trip: {type: consecutive, failures: 1}, openFor: {type: constant, delay: 3600}}"
      const { layer, write } = yield* fake(`retry: false\n${breaker}`)
      const Live = ResilientHttpClient.layerReloading(HttpPolicyFile.changes("/etc/app/http.yaml"))
      yield* Effect.gen(function*() {
        const client = yield* ResilientHttpClient.ResilientHttpClient
        yield* client.get("http://north/")
        yield* TestClock.adjust("1 second")
        yield* write(`max_retries: 2\nuserAgent: changed\n${breaker}`)
        const error = yield* Effect.flip(client.get("http://north/"))
        assert.strictEqual(error._tag === "PolicyError" && error.reason._tag, "CircuitOpen")
      }).pipe(Effect.provide(Layer.provide(Live, [TestTransport.layer([TestTransport.respond(503)]), layer])))
    }))

  it.live("follows a real file, when it is written over and when another is put in its place", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const directory = yield* fs.makeTempDirectoryScoped()
      const file = path.join(directory, "http.yaml")
      yield* fs.writeFileString(file, "baseUrl: http://one")
      const pull = yield* Stream.toPull(Stream.map(HttpPolicyFile.changes(file), ({ baseUrl }) => baseUrl))
      const seen = [yield* pull]
      yield* fs.writeFileString(file, "baseUrl: http://two")
      seen.push(yield* pull)
      yield* fs.writeFileString(`${file}~`, "baseUrl: http://three")
      yield* fs.rename(`${file}~`, file)
      seen.push(yield* pull)
      assertEquals(seen.flat(), ["http://one", "http://two", "http://three"])
    }).pipe(Effect.scoped, Effect.provide([NodeFileSystem.layer, NodePath.layer])))

  it.live("follows a link to another directory, as Kubernetes changes a volume", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const directory = yield* fs.makeTempDirectoryScoped()
      const at = (...parts: ReadonlyArray<string>) => path.join(directory, ...parts)
      for (const version of ["1", "2"]) {
        yield* fs.makeDirectory(at(version))
        yield* fs.writeFileString(at(version, "http.yaml"), `baseUrl: http://v${version}`)
      }
      yield* fs.symlink("1", at("data"))
      yield* fs.symlink(path.join("data", "http.yaml"), at("http.yaml"))
      const pull = yield* Stream.toPull(Stream.map(HttpPolicyFile.changes(at("http.yaml")), ({ baseUrl }) => baseUrl))
      const first = yield* pull
      yield* fs.symlink("2", at("next"))
      yield* fs.rename(at("next"), at("data"))
      assertEquals([...first, ...(yield* pull)], ["http://v1", "http://v2"])
    }).pipe(Effect.scoped, Effect.provide([NodeFileSystem.layer, NodePath.layer])))
})

it.effect("also takes what is not data over what the file says", () =>
  Effect.gen(function*() {
    const { layer } = yield* fake("baseUrl: http://file\ncommit: head")
    const options = yield* HttpPolicyFile.changes("/etc/app/http.yaml", { also: { baseUrl: "http://program" } }).pipe(
      Stream.take(1),
      Stream.runCollect,
      Effect.provide(layer)
    )
    assertEquals(options, [{ baseUrl: "http://program", commit: "head" }])
  }))
