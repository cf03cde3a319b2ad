/** Where a Redis is, as URLs say it, and what is wrong with those that say it badly. */
import { assert, describe, it } from "@effect/vitest"
import * as Arguments from "@holdfast/core/Arguments"
import * as Redacted from "effect/Redacted"
import type { Beside } from "../../src/internal/store/redis/target.ts"
import { check, show } from "../../src/internal/store/redis/target.ts"

const read = (url: unknown, beside: Beside = {}) => Arguments.check("test", check(beside), url)

describe("the URL of a Redis", () => {
  it.each<readonly [url: string, beside: Beside, shown: string, more: object]>([
    ["redis://localhost", {}, "redis://localhost:6379", { tls: false, cluster: false, database: 0 }],
    [" redis://localhost:6380/3\n", {}, "redis://localhost:6380/3", { database: 3 }],
    ["rediss://u:p%40ss@redis.test", {}, "rediss://redis.test:6379", { tls: true, username: "u", password: "p@ss" }],
    ["redis://:pa,ss@redis.test", {}, "redis://redis.test:6379", { username: undefined, password: "pa,ss" }],
    ["redis://:50%@redis.test", {}, "redis://redis.test:6379", { password: "50%" }],
    ["valkey://redis.test/", {}, "redis://redis.test:6379", { tls: false }],
    ["valkeys://redis.test", {}, "rediss://redis.test:6379", { tls: true }],
    ["redis://[::1]:7000", {}, "redis://[::1]:7000", { nodes: [{ host: "::1", port: 7000 }] }],
    ["unix:///run/redis.sock", {}, "unix:///run/redis.sock", { nodes: [{ path: "/run/redis.sock" }] }],
    ["redis://a:1,redis://b:2, redis://c", {}, "redis://a:1,redis://b:2,redis://c:6379", { cluster: true }],
    ["redis://a", { cluster: true }, "redis://a:6379", { cluster: true }],
    ["redis://a", { tls: true }, "rediss://a:6379", { tls: true }],
    ["redis://:old@a", { password: Redacted.make("new") }, "redis://a:6379", { password: "new" }]
  ])("%j with %j", (url, beside, shown, more) => {
    for (const given of [url, Redacted.make(url)]) {
      const target = read(given, beside)
      assert.isDefined(target)
      if (target === undefined) continue
      assert.strictEqual(show(target), shown)
      const { password, ...rest } = target
      assert.deepInclude({ ...rest, password: password && Redacted.value(password) }, more)
    }
  })

  it.each<readonly [url: unknown, beside: Beside, says: RegExp]>([
    ["", {}, /must be a URL such as redis:\/\/host:6379/u],
    ["localhost:6379", {}, /must be a URL such as/u],
    ["http://hunter2@localhost", {}, /must be a URL such as/u],
    ["redis://", {}, /must be a URL such as/u],
    ["redis://:hunter2@", {}, /must be a URL such as/u],
    ["redis://:hun#ter2@host", {}, /must be a URL such as/u],
    ["redis://:hun/ter2@host:6379", {}, /must be a URL such as/u],
    ["redis://host:99999", {}, /must be a URL such as/u],
    ["redis://host/hunter2", {}, /the number of a database/u],
    ["redis://host?password=hunter2", {}, /neither a query nor a fragment/u],
    ["redis://host/2", { cluster: true }, /a cluster has one/u],
    ["redis://a,redis://b", { cluster: false }, /names several servers/u],
    ["redis://a,rediss://b", {}, /same scheme/u],
    ["rediss://a", { tls: false }, /asks for TLS by its scheme/u],
    ["unix:///run/redis.sock", { cluster: true }, /must name a host/u],
    ["unix://", {}, /must be a URL such as/u],
    [undefined, {}, /must be a URL such as/u],
    [6379, {}, /must be a URL such as/u],
    [{}, {}, /must be a URL such as/u]
  ])("refuses %j with %j, and does not show it", (url, beside, says) => {
    try {
      read(url, beside)
    } catch (error) {
      assert.instanceOf(error, RangeError)
      assert.match(String(error), says)
      assert.notMatch(String(error), /hunter2|ter2@/u)
      return
    }
    assert.fail("it was taken")
  })
})
