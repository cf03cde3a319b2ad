/** Secret headers go to the origin that they are for and to no other, whatever a URL or a redirect says. */
import { assert, describe, it } from "@effect/vitest"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { law } from "../../../../vitest.law.ts"

/** Each home with spellings of its host, and with what looks like it and is another. */
const homes = [
  {
    baseUrl: "http://home.example",
    home: ["home.example", "HOME.example", "home.example:80", "home.example:0080", "%68ome.example", "ho\tme.example"],
    evil: ["evil.example", "home.example:443", "home.example.evil", "home.example.", "evil.example:80"]
  },
  {
    baseUrl: "https://api.example.com:8443/v1/",
    home: ["api.example.com:8443", "API.example.com:8443", "api.example.com:08443", "\uFF41pi.example.com:8443"],
    evil: ["api.example.com", "api.example.com:443", "pi.example.com:8443", "api\u3002example.org:8443"]
  },
  {
    baseUrl: "http://127.0.0.1:8080",
    home: ["127.0.0.1:8080", "127.1:8080", "0x7f.1:8080", "2130706433:8080", "0177.0.0.1:8080", "127.0.0.1.:8080"],
    evil: ["127.0.0.1", "127.0.0.2:8080", "[::1]:8080", "[::ffff:127.0.0.1]:8080"]
  },
  {
    baseUrl: "http://[::1]:8080/",
    home: ["[::1]:8080", "[0:0:0:0:0:0:0:1]:8080", "[0::0.0.0.1]:8080"],
    evil: ["[::2]:8080", "[::1]", "127.0.0.1:8080"]
  },
  {
    baseUrl: "https://b\u00FCcher.example",
    home: ["b\u00FCcher.example", "xn--bcher-kva.example", "B\u00DCCHER.example", "b%C3%BCcher.example:443"],
    evil: ["bucher.example", "xn--bcher-kva.example:80", "b\u00FCcher.example.evil"]
  }
] as const

const schemes = [
  "http://",
  "https://",
  "http://",
  "https://",
  "HTTP://",
  " https://",
  "\thttp://",
  "ht\ntps://",
  "http:",
  "https:/",
  "http:///",
  "https:\\\\",
  "http:/\\",
  "//",
  "\\\\",
  "/\\",
  "",
  "/",
  "ftp://",
  "blob:http://",
  "data:"
]

/** `HOME` and `EVIL` stand for one of the hosts. */
const users = [
  "",
  "",
  "",
  "u:p@",
  "HOME@",
  "EVIL@",
  "HOME\\@",
  "EVIL\\@",
  "EVIL\\x@y@",
  "EVIL/@",
  "EVIL#@",
  "EVIL?@",
  "a%40b@"
]
const tails = [
  "",
  "/",
  "/next?page=2",
  "\\next\\@HOME/",
  "\\@EVIL",
  "/@HOME/",
  "?@HOME",
  "#@HOME",
  "/..//EVIL/",
  "@HOME",
  ":80"
]
const noise = [
  "",
  "",
  "",
  "",
  "\t",
  "\r\n",
  "\\",
  "@",
  "/",
  ":",
  "%2F",
  "%40",
  "\uFF0F",
  "\uFF20",
  "\u0000",
  " ",
  "?",
  "#"
]

const index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999 }))
const Link = Schema.Struct({
  scheme: Schema.Literals(schemes),
  user: Schema.Literals(users),
  isHome: Schema.Boolean,
  spelling: index,
  tail: Schema.Literals(tails),
  noise: Schema.Literals(noise),
  at: index
})

type Home = typeof homes[number]

const spell = (link: typeof Link.Type, { evil, home }: Home): string => {
  const pick = (hosts: ReadonlyArray<string>) => hosts[link.spelling % hosts.length]!
  const text = `${link.scheme}${link.user}${pick(link.isHome ? home : evil)}${link.tail}`
    .replaceAll("HOME", pick(home)).replaceAll("EVIL", pick(evil))
  const at = link.at % (text.length + 1)
  return text.slice(0, at) + link.noise + text.slice(at)
}

const secret = "S3CRET"
const options = {
  bearer: Redacted.make(secret),
  headers: { "x-token": Redacted.make(secret), "x-plain": "1" },
  retry: false
} as const

/** The platform's word. A `blob:` URL has the origin of its page, and goes to no server. */
const originOf = (text: string): string | undefined => {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) ? url.origin : undefined
}

/** Where each request went, by the platform's URL, and how many of the two secrets it had. */
const travel = (url: string, baseUrl: string | undefined, locations: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
    yield* Effect.ignore(client.get(url))
    const transport = yield* TestTransport.TestTransport
    return (yield* transport.sent).map(({ request, url }) => ({
      url,
      origin: originOf(url),
      secrets: JSON.stringify({ ...request.headers }).split(secret).length - 1
    }))
  }).pipe(
    Effect.provide(Layer.provideMerge(
      ResilientHttpClient.layer({ ...options, ...(baseUrl !== undefined && { baseUrl }) }),
      TestTransport.layer([
        ...locations.map((location) => TestTransport.respond(302, { headers: { location } })),
        TestTransport.always(TestTransport.respond(200))
      ])
    ))
  )

describe("secrets", () => {
  law(
    "go to the origin of baseUrl, or without one to that of the request, and nowhere else",
    {
      home: Schema.Literals([0, 1, 2, 3, 4]),
      hasBase: Schema.Boolean,
      first: Link,
      locations: Schema.Array(Link).check(Schema.isMaxLength(3))
    },
    ({ first, hasBase, home: which, locations }, reach) =>
      Effect.gen(function*() {
        const home = homes[which]
        const url = hasBase ? spell(first, home) : `${new URL(home.baseUrl).origin}/${spell(first, home)}`
        const legs = yield* travel(url, hasBase ? home.baseUrl : undefined, locations.map((link) => spell(link, home)))
        const { origin } = new URL(home.baseUrl)
        if (legs.some((leg) => leg.origin === origin)) reach("at home")
        if (legs.some((leg) => leg.origin !== undefined && leg.origin !== origin)) reach("elsewhere")
        if (legs.length > 1) reach("over a redirect")
        for (const leg of legs) {
          assert.strictEqual(
            leg.secrets,
            leg.origin === origin ? 2 : 0,
            `${JSON.stringify(leg)} from ${JSON.stringify(url)}`
          )
        }
      }),
    { cases: 3_000, reaches: ["at home", "elsewhere", "over a redirect"] }
  )

  it.effect("of the request itself stay at the origin that it was for", () =>
    Effect.gen(function*() {
      const request = HttpClientRequest.get("http://home/", { headers: { "x-api-key": secret, "x-trace": "7" } })
      yield* HttpClient.followRedirects(yield* HttpClient.HttpClient).execute(request)
      const { sent } = yield* TestTransport.TestTransport
      assert.deepStrictEqual(
        (yield* sent).map(({ request: { headers } }) => [headers["x-api-key"], headers["x-trace"]]),
        [[secret, "7"], [undefined, "7"], [secret, "7"]]
      )
    }).pipe(Effect.provide(Layer.provideMerge(
      ResilientHttpClient.layer(),
      TestTransport.layer([
        TestTransport.respond(307, { headers: { location: "http://evil/" } }),
        TestTransport.respond(307, { headers: { location: "http://home/again" } }),
        TestTransport.respond(200)
      ])
    ))))

  it.effect("are hidden from a client below that logs the headers it is given", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const below = HttpClient.mapRequest(yield* HttpClient.HttpClient, (request) => {
        logged.push(JSON.stringify(request), inspect(request.headers))
        return request
      })
      const client = yield* Effect.provideService(
        ResilientHttpClient.make({ baseUrl: "http://home/", headers: { "x-odd": Redacted.make(secret) } }),
        HttpClient.HttpClient,
        below
      )
      yield* client.get("/")
      const { sent } = yield* TestTransport.TestTransport
      assert.deepStrictEqual((yield* sent).map(({ request: { headers } }) => headers["x-odd"]), [secret])
      assert.deepStrictEqual(logged.map((line) => [line.includes("x-odd"), line.includes(secret)]), [
        [true, false],
        [true, false]
      ])
    }).pipe(Effect.provide(TestTransport.layer([TestTransport.respond(200)]))))

  it.effect("keep fetch from following a redirect by itself, and only they do", () =>
    Effect.gen(function*() {
      const modes: Array<string | undefined> = []
      const fetch: typeof globalThis.fetch = (_, init) => {
        modes.push(init?.redirect)
        // The note on the first origin is a symbol, which the constructor of `Headers` refuses.
        assert.doesNotThrow(() => new Headers(init?.headers))
        assert.deepStrictEqual(Object.getOwnPropertySymbols(init?.headers ?? {}), [])
        return Promise.resolve(new Response())
      }
      const over = (options: Parameters<typeof ResilientHttpClient.layer>[0]) =>
        Effect.provide(
          Effect.andThen(
            HttpClient.get("http://home/"),
            HttpClient.get("http://home/", { headers: { "x-api-key": secret } })
          ),
          Layer.provide(ResilientHttpClient.layer(options), FetchHttpClient.layer)
        ).pipe(Effect.provideService(FetchHttpClient.Fetch, fetch))
      yield* over({ headers: { "x-plain": "1" } })
      yield* over(options)
      assert.deepStrictEqual(modes, [undefined, "manual", "manual", "manual"])
    }))
})
