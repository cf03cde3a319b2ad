/** Proxies as the environment names them. */
import { assert, describe, it } from "@effect/vitest"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { exceptions } from "../../src/internal/undici/connect/noProxy.ts"
import { Origin } from "../../src/internal/undici/target.ts"
import * as Server from "../server.ts"

const environment = (variables: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(variables))

const read = (variables: Record<string, string>) =>
  UndiciTransport.proxyConfig.pipe(
    Effect.map((rules) => ({
      http: rules?.http === undefined ? undefined : Redacted.value(rules.http.url as Redacted.Redacted),
      https: rules?.https === undefined ? undefined : Redacted.value(rules.https.url as Redacted.Redacted),
      except: rules?.except
    })),
    Effect.provide(environment(variables))
  )

const none = { http: undefined, https: undefined, except: undefined }

describe("proxyConfig", () => {
  const table: ReadonlyArray<readonly [Record<string, string>, Partial<typeof none> | Record<string, string>]> = [
    [{}, {}],
    [{ HTTP_PROXY: "http://a:1" }, { http: "http://a:1" }],
    [{ http_proxy: "http://a:1" }, { http: "http://a:1" }],
    [{ http_proxy: "http://a:1", HTTP_PROXY: "http://b:2" }, { http: "http://a:1" }],
    [{ http_proxy: "", HTTP_PROXY: "http://b:2" }, { http: "http://b:2" }],
    [{ HTTPS_PROXY: "a:1" }, { https: "http://a:1" }],
    [{ HTTPS_PROXY: "  https://me:it@a:1 " }, { https: "https://me:it@a:1" }],
    [{ HTTP_PROXY: "http://a:1", https_proxy: "http://b:2", NO_PROXY: "c" }, {
      http: "http://a:1",
      https: "http://b:2",
      except: "c"
    }],
    [{ NO_PROXY: "*" }, {}],
    [{ HTTP_PROXY: " " }, {}],
    // In a CGI script the sender of the request chooses what stands in HTTP_PROXY.
    [{ HTTP_PROXY: "http://evil:1", HTTPS_PROXY: "http://b:2", REQUEST_METHOD: "GET" }, { https: "http://b:2" }],
    [{ http_proxy: "http://a:1", HTTP_PROXY: "http://evil:1", REQUEST_METHOD: "GET" }, { http: "http://a:1" }]
  ]
  it.effect.each(table)(
    "reads %j",
    ([variables, expected]) =>
      Effect.map(read(variables), (found) => assert.deepStrictEqual(found, { ...none, ...expected }))
  )

  it.effect.each(["socks5://user:secret@a:1", "http://", "ftp://a", "http://a:port"])(
    "refuses %s, and does not say what it is",
    (url) =>
      Effect.map(Effect.flip(read({ HTTPS_PROXY: url })), ({ message }) => {
        assert.include(message, "HTTPS_PROXY")
        assert.notInclude(message, "secret")
      })
  )
})

describe("NO_PROXY", () => {
  const table: ReadonlyArray<readonly [entries: string, url: string, isExcepted: boolean]> = [
    ["", "http://a.example", false],
    ["*", "http://a.example", true],
    ["b.example,*", "http://a.example", true],
    ["example.com", "http://example.com", true],
    ["example.com", "http://www.example.com", true],
    ["example.com", "http://notexample.com", false],
    ["example.com", "http://example.com.evil", false],
    [".example.com", "http://www.example.com", true],
    [".example.com", "http://example.com", true],
    ["*.example.com", "https://www.example.com", true],
    ["EXAMPLE.com", "http://example.COM", true],
    ["example.com.", "http://example.com", true],
    ["b\u00FCcher.example", "http://www.xn--bcher-kva.example", true],
    ["xn--bcher-kva.example", "http://b\u00FCcher.example", true],
    ["example.com", "http://example.com.", true],
    ["a.example b.example", "http://b.example", true],
    [" a.example ,  b.example ", "http://b.example", true],
    ["example.com:8080", "http://example.com:8080", true],
    ["example.com:8080", "http://example.com", false],
    ["example.com:80", "http://example.com", true],
    ["example.com:443", "https://example.com", true],
    ["127.0.0.1", "http://127.0.0.1:1234", true],
    ["127.0.0.1", "http://2130706433", true],
    ["127.0.0.1", "http://127.0.0.10", false],
    ["127.0.0.1:1234", "http://127.0.0.1:1234", true],
    ["127.0.0.1:1234", "http://127.0.0.1:1235", false],
    ["10.0.0.0/8", "http://10.1.2.3", true],
    ["10.0.0.0/8", "http://11.1.2.3", false],
    ["10.0.0.0/8", "http://ten.example", false],
    ["10.0.0.0/99", "http://10.1.2.3", false],
    ["::1", "http://[::1]:80", true],
    ["[::1]", "http://[::1]", true],
    ["[::1]:81", "http://[::1]:81", true],
    ["[::1]:81", "http://[::1]", false],
    ["0:0:0:0:0:0:0:1", "http://[::1]", true],
    ["fd00::/8", "http://[fd12::1]", true],
    ["localhost", "http://localhost", true],
    ["localhost", "http://127.0.0.1", false],
    // An IPv4 address and the same within an IPv6 one are one address; a range of one family has none of the other.
    ["::/0", "http://10.1.2.3", false],
    ["0.0.0.0/0", "http://[fd00::1]", false],
    ["10.0.0.0/8", "http://[::ffff:10.1.2.3]", true],
    ["::ffff:10.0.0.0/104", "http://10.1.2.3", true],
    ["10.1.2.3", "http://[::ffff:a01:203]", true],
    ["::ffff:10.1.2.3", "http://10.1.2.3", true],
    ["fe80::1%eth0", "http://a.example", false],
    ["[fe80::1", "http://a.example", false],
    ["example.com:", "http://example.com", true],
    ["example.com:port", "http://example.com", false],
    ["http://example.com", "http://example.com", false],
    [".", "http://a.example", false],
    [",,", "http://a.example", false]
  ]
  it.each(table)("%s and %s: %s", (entries, url, isExcepted) => {
    assert.strictEqual(exceptions(entries)(new Origin(new URL(url))), isExcepted)
  })
})

describe("layerConfig", () => {
  const asked = Effect.gen(function*() {
    const lines: Array<string> = []
    const server = yield* Server.raw((socket, _, head) => {
      lines.push(head.split("\r\n")[0] ?? "")
      socket.write(Server.response(200, "from the proxy"))
    })
    return { lines, url: server.url }
  })

  const get = (url: string, variables: Record<string, string>) =>
    Server.text(url).pipe(
      Effect.provide(Layer.provide(UndiciTransport.layerConfig(), environment(variables)))
    )

  it.live("sends through the proxy of the environment, but for the hosts that are excepted", () =>
    Effect.gen(function*() {
      const proxy = yield* asked
      const origin = yield* Server.raw((socket) => void socket.write(Server.response(200, "straight")))
      assert.strictEqual(yield* get(`${origin.url}/a`, { HTTP_PROXY: proxy.url }), "from the proxy")
      assert.deepStrictEqual(proxy.lines, [`GET ${origin.url}/a HTTP/1.1`])
      assert.strictEqual(yield* get(origin.url, { HTTP_PROXY: proxy.url, no_proxy: "127.0.0.1" }), "straight")
      assert.strictEqual(yield* get(origin.url, { HTTPS_PROXY: proxy.url }), "straight")
    }))

  it.live("opens a tunnel for https", () =>
    Effect.gen(function*() {
      const proxy = yield* asked
      yield* Effect.exit(get("https://origin.invalid/", { https_proxy: proxy.url }))
      assert.deepStrictEqual(proxy.lines, ["CONNECT origin.invalid:443 HTTP/1.1"])
    }))

  it.live("fails with a ConfigError for a variable that is not a proxy", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(get("http://127.0.0.1", { HTTP_PROXY: "socks5://127.0.0.1" }))
      assert.isTrue(error instanceof Error || String(error).includes("HTTP_PROXY"))
      assert.include(String(error), "HTTP_PROXY")
    }))
})
