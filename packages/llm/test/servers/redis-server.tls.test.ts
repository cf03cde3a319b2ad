/** TLS to a real Redis, whose certificate an authority of our own has signed. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreConfig from "@holdfast/llm/ChainStoreConfig"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Server } from "../../../../vitest.redis.ts"
import { freePort, serverWith } from "../../../../vitest.redis.ts"

describe("Redis over TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-tls-"))
  const at = (name: string) => join(folder, name)
  const scope = Scope.makeUnsafe()
  let server: Server
  let port: number
  let plain: number
  let ca: string

  /** A certificate of 127.0.0.1, and of no other host, that its own authority has signed. */
  const certify = (name: string, subject: string) => {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at(`${name}.key`)]
    const rest = ["-days", "2", "-subj", "/CN=holdfast", "-addext", `subjectAltName=${subject}`]
    execFileSync("openssl", ["req", "-x509", ...key, "-out", at(`${name}.crt`), ...rest], { stdio: "ignore" })
    return readFileSync(at(`${name}.crt`), "utf8")
  }

  beforeAll(async () => {
    ca = certify("server", "IP:127.0.0.1")
    port = await freePort()
    plain = await freePort()
    const files = ["--tls-cert-file", at("server.crt"), "--tls-key-file", at("server.key"), "--tls-ca-cert-file"]
    const options = ["--tls-port", `${port}`, ...files, at("server.crt"), "--tls-auth-clients", "no"]
    server = await Effect.runPromise(Scope.provide(serverWith([...options, "--port", `${plain}`]), scope))
  })
  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    rmSync(folder, { recursive: true })
  })

  const clientOf = (options: RedisClient.Options) =>
    Effect.map(Layer.build(RedisClient.layer(options)), (context) => Context.get(context, Redis.Redis))

  it.live("has the steps of a store, and connects again after the server was gone", () =>
    Effect.gen(function*() {
      const client = RedisClient.layer({ url: `rediss://127.0.0.1:${port}`, ca })
      const store = Context.get(
        yield* Layer.build(ChainStoreRedis.layer().pipe(Layer.provide(client))),
        ChainStore.ChainStore
      )
      const budget = { key: "user:1", window: Duration.hours(1), amount: 1, limit: 2 }
      assert.strictEqual((yield* store.reserve(budget))._tag, "Reserved")
      yield* server.kill
      assert.isTrue(Exit.isFailure(yield* Effect.exit(store.spent(budget))))
      yield* server.start
      const sum = yield* Effect.retry(store.spent(budget), Schedule.spaced("50 millis")).pipe(
        Effect.timeout("10 seconds")
      )
      assert.strictEqual(sum, 0)
    }).pipe(Effect.scoped))

  it.live("is reached by a file, with the certificate in a variable", () =>
    Effect.gen(function*() {
      const variables = { LLM_STORE_URL: `rediss://127.0.0.1:${port}`, LLM_STORE_CA: ca }
      const found = yield* Effect.provide(
        ChainStoreConfig.inspect,
        ConfigProvider.layer(ConfigProvider.fromUnknown(variables))
      )
      assert.deepInclude(found, { server: "redis", tls: true })
    }))

  it.live.each<readonly [string, () => RedisClient.Options, RegExp]>([
    ["an unknown authority", () => ({ url: `rediss://127.0.0.1:${port}` }), /self-signed certificate/u],
    [
      "the certificate of another host",
      () => ({ url: `rediss://localhost:${port}`, ca }),
      /not in the cert's altnames|ERR_TLS_CERT_ALTNAME_INVALID/u
    ],
    [
      "the certificate of another authority",
      () => ({ url: `rediss://127.0.0.1:${port}`, ca: certify("other", "IP:127.0.0.1") }),
      /self-signed certificate|unable to verify|signature failure/u
    ],
    ["no TLS where the server wants it", () => ({ url: `redis://127.0.0.1:${port}` }), /closed|ECONNRESET|offline/iu],
    ["TLS where the server has none", () => ({ url: `rediss://127.0.0.1:${plain}`, ca }), /whether it speaks TLS/u]
  ])("fails with its reason at %s, and soon", ([, options, reason]) =>
    Effect.gen(function*() {
      const [took, error] = yield* Effect.timed(
        Effect.flatMap(clientOf(options()), ({ send }) => Effect.flip(send("PING")))
      )
      assert.match(String(error.cause), reason)
      assert.isBelow(Duration.toMillis(took), 4_000)
    }).pipe(Effect.scoped))

  it("rejects an authority in another form than PEM, and shows nothing of it", () => {
    const made = Effect.runSyncExit(
      Effect.scoped(Layer.build(RedisClient.layer({ url: "rediss://127.0.0.1:1", ca: "hunter2-not-a-pem" })))
    )
    assert.isTrue(Exit.isFailure(made))
    assert.match(String(made), /ca must be a certificate in PEM/u)
    assert.notInclude(String(made), "hunter2")
    const plainWithCa = Effect.runSyncExit(
      Effect.scoped(Layer.build(RedisClient.layer({ url: "redis://127.0.0.1:1", ca })))
    )
    assert.match(String(plainWithCa), /ca has no meaning without TLS/u)
  })
})
