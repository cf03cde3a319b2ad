/** What a client of Smithy hands over, as its own handlers take it. */
import { assert, describe, it } from "@effect/vitest"
import * as SmithyHandler from "@holdfast/http/SmithyHandler"

const base: SmithyHandler.Request = {
  method: "GET",
  protocol: "http:",
  hostname: "a.example",
  path: "/",
  headers: {}
}

/** What the fetch below gets. */
const handled = async (request: Partial<SmithyHandler.Request>, options?: SmithyHandler.HandlerOptions) => {
  const asked: Array<Request> = []
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    const request = new Request(input, init)
    request.signal.throwIfAborted()
    asked.push(request)
    return new Response("ok")
  }
  await SmithyHandler.make(fetch).handle({ ...base, ...request }, options)
  return asked[0]!
}

it.each<[Partial<SmithyHandler.Request>, string]>([
  [{}, "http://a.example/"],
  [{ port: 8080, path: "/a b/\u00FC" }, "http://a.example:8080/a%20b/%C3%BC"],
  [{ hostname: "[::1]", path: "" }, "http://[::1]/"],
  [{ query: { b: "2", a: ["1", "2"], c: null, d: "", e: [] } }, "http://a.example/?a=1&a=2&b=2&c&d="],
  [{ query: { "a b": "\u00FC&=+'()*!" } }, "http://a.example/?a%20b=%C3%BC%26%3D%2B%27%28%29%2A%21"],
  [{ fragment: "x" }, "http://a.example/#x"]
])("%j is %s", async (request, url) => assert.strictEqual((await handled(request)).url, url))

it.each<[Partial<SmithyHandler.Request>, string | null]>([
  [{}, null],
  [{ username: "u\u00FC", password: "p" }, "Basic dcO8OnA="],
  [{ username: "u" }, "Basic dTo="],
  [{ password: "p" }, "Basic OnA="],
  [{ username: "u", headers: { authorization: "AWS4" } }, "AWS4"]
])(
  "%j authorizes itself by %s",
  async (request, expected) => assert.strictEqual((await handled(request)).headers.get("authorization"), expected)
)

describe("a request is ended", () => {
  it("by a signal of the platform, before and while it is made", async () => {
    const aborted = await handled({}, { abortSignal: AbortSignal.abort() }).catch((error: Error) => error.name)
    assert.strictEqual(aborted, "AbortError")
    const controller = new AbortController()
    const { signal } = await handled({}, { abortSignal: controller.signal })
    controller.abort()
    assert.isTrue(signal.aborted)
  })

  it("by a signal of Smithy's own class", async () => {
    const aborted = await handled({}, { abortSignal: { aborted: true } }).catch((error: Error) => error.name)
    assert.strictEqual(aborted, "AbortError")
    const own: { aborted: boolean; onabort?: () => void } = { aborted: false }
    const { signal } = await handled({}, { abortSignal: own })
    assert.isFalse(signal.aborted)
    own.onabort?.()
    assert.isTrue(signal.aborted)
  })

  it.each([0, -5, Number.NaN, 1e12, undefined])("by no timeout of %s", async (requestTimeout) => {
    assert.isFalse((await handled({}, { requestTimeout })).signal.aborted)
  })

  it("by a timeout of part of a millisecond", async () => {
    const { signal } = await handled({}, { requestTimeout: 0.5 })
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve))
    assert.isTrue(signal.aborted)
  })
})
