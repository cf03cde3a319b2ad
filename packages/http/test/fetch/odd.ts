/**
 * Arguments in forms that are easily overlooked: getters, proxies, objects that are read as texts, URLs in odd
 * spellings, headers that a fetch keeps for itself. The platform's own fetch says what is right.
 */
import { json, rejection, type Scenario } from "./contract.ts"

/** An argument of a type that the declarations of fetch do not have. */
const as = (value: unknown) => value as never

/** A text that is another one each time that it is asked for. */
const changing = (...texts: ReadonlyArray<string>) => {
  let reads = 0
  return { toString: () => texts[reads++] ?? "" }
}

const boom = (): never => {
  throw new RangeError("boom")
}

const inits: Record<string, () => unknown> = {
  "null": () => null,
  "undefined": () => undefined,
  "a number": () => 5,
  "a function": () => Object.assign(() => {}, { method: "PUT" }),
  "a proxy": () => new Proxy({ method: "PUT", body: "x" }, {}),
  "inherited": () => Object.create({ method: "PUT", body: "x" }),
  "a class": () =>
    new (class {
      method = "PUT"
      get body() {
        return this.method
      }
    })(),
  "a getter that throws": () => ({
    get method() {
      return boom()
    }
  }),
  "a proxy that throws": () => new Proxy({}, { get: boom }),
  "a getter with another answer each time": () => {
    const methods = changing("PUT", "DELETE", "POST")
    return {
      get method() {
        return String(methods)
      }
    }
  },
  "headers by a getter with another answer each time": () => {
    const values = changing("1", "2", "3")
    return {
      get headers() {
        return { a: String(values) }
      }
    }
  },
  "a Request of another URL": () =>
    new Request("http://127.0.0.1:1/x", { method: "POST", body: "x", headers: { a: "1" } }),
  "no method": () => ({ method: undefined }),
  "null for a method": () => ({ method: null }),
  "null for a signal": () => ({ signal: null }),
  "a window": () => ({ window: "x" }),
  "a priority": () => ({ priority: "urgent" }),
  "a duplex": () => ({ method: "PUT", body: "x", duplex: "full" }),
  "credentials": () => ({ credentials: "bad" }),
  "a cache": () => ({ cache: "only-if-cached" }),
  "navigate": () => ({ mode: "navigate" }),
  "a referrer that is not a URL": () => ({ referrer: "http://a b" }),
  "a referrer elsewhere": () => ({ referrer: "https://other.example/path?query" }),
  "an integrity that is not a digest": () => ({ integrity: "none" })
}

const bodies: Record<string, () => unknown> = {
  "null": () => null,
  "false": () => false,
  "zero": () => 0,
  "a date": () => new Date(0),
  "a String": () => new String("abc"),
  "what has a toString": () => ({ toString: () => "abc" }),
  "a DataView": () => new DataView(new Uint8Array([65, 66, 67]).buffer, 1),
  "a view of shared memory": () => new Uint8Array(new SharedArrayBuffer(3)),
  "a File": () => new File(["x"], "f.json", { type: "application/json" }),
  "a blob of an odd type": () => new Blob(["x"], { type: "Text/HTML;Charset=ü" })
}

const headers: Record<string, unknown> = {
  "pairs": [["a", "1"], ["A", "2"]],
  "a pair of one": [["a"]],
  "a pair of three": [["a", "b", "c"]],
  "a Map": new Map([["a", "1"]]),
  "null": null,
  "a number": 5,
  "a text": "a: b",
  "no name": { "": "1" },
  "no value": { a: "" },
  "spaces": { a: "  x  " },
  "latin": { a: "ü" },
  "beyond latin": { a: "\u2192" },
  "a NUL": { a: "x\0y" },
  "undefined": { a: undefined },
  "an array": { a: ["1", "2"] },
  "a symbol": { [Symbol("x")]: "1", a: "1" },
  "__proto__": JSON.parse("{\"__proto__\":\"1\",\"a\":\"2\"}"),
  "inherited": Object.create({ a: "1" }),
  "host": { host: "x.example" },
  "transfer-encoding": { "transfer-encoding": "chunked" },
  "upgrade": { upgrade: "h2c" },
  "expect": { expect: "100-continue" },
  "referer": { referer: "http://from.example/" },
  "range": { range: "bytes=0-1" },
  "range and coding": { range: "bytes=0-1", "accept-encoding": "br" }
}

const inputs: Record<string, (url: string) => unknown> = {
  "null": () => null,
  "a symbol": () => Symbol("x"),
  "what is another URL each time": (url) => changing(`${url}/echo?1`, `${url}/echo?2`, `${url}/echo?3`),
  "what throws": () => ({ toString: boom }),
  "a String": (url) => new String(`${url}/echo`),
  "a class of URLs": (url) => new (class extends URL {})(`${url}/echo`),
  "spaces around": (url) => `  ${url}/echo  `,
  "a control character before": (url) => `\u0001${url}/echo\u0002`,
  "a tab in the scheme": (url) => `${url.replace("http", "ht\ttp")}/echo`,
  "backslashes": (url) => `${url}\\echo\\x`,
  "no name in front of @": (url) => `${url.replace("//", "//@")}/echo`,
  "a colon in front of @": (url) => `${url.replace("//", "//:@")}/echo`,
  "port 0": () => "http://127.0.0.1:0/",
  "a port beyond all": () => "http://127.0.0.1:65536/"
}

const data = ["\u0001data:text/plain,hi", "da\tta:text/plain,hi", "DATA:text/plain,hi", new URL("data:text/plain,hi")]

const others = ["about:blank", "file:///etc/hostname", "javascript:1", "ws://127.0.0.1/"]

const told = async (answer: Promise<Response>) => {
  try {
    return await json(answer)
  } catch (error) {
    return rejection(Promise.reject(error))
  }
}

export const odd: Record<string, Scenario> = {
  ...Object.fromEntries(
    Object.entries(inits).map(([name, init]): [string, Scenario] => [
      `init: ${name}`,
      (fetch, { url }) => told(fetch(`${url}/echo`, as(init())))
    ])
  ),
  ...Object.fromEntries(
    Object.entries(bodies).map(([name, body]): [string, Scenario] => [
      `body: ${name}`,
      (fetch, { url }) => told(fetch(`${url}/echo`, { method: "POST", body: as(body()) }))
    ])
  ),
  ...Object.fromEntries(
    Object.entries(headers).map(([name, headers]): [string, Scenario] => [
      `headers: ${name}`,
      (fetch, { url }) => told(fetch(`${url}/echo`, { method: "POST", body: "x", headers: as(headers) }))
    ])
  ),
  ...Object.fromEntries(
    Object.entries(inputs).map(([name, input]): [string, Scenario] => [
      `input: ${name}`,
      (fetch, { url }) => told(fetch(as(input(url))))
    ])
  ),
  ...Object.fromEntries(
    data.map((input): [string, Scenario] => [
      `data: ${JSON.stringify(input)}${typeof input}`,
      async (fetch) => (await fetch(input)).text()
    ])
  ),
  ...Object.fromEntries(
    others.map((input): [string, Scenario] => [`scheme: ${input}`, (fetch) => rejection(fetch(input))])
  )
}
