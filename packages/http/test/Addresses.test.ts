import { assert, describe, it } from "@effect/vitest"
import * as Addresses from "@holdfast/http/Addresses"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { law } from "../../../vitest.law.ts"
import * as Server from "./server.ts"

const Octet = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const Prefix = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 32 }))

const bitsOf = (address: string): string =>
  address.split(".").map((octet) => Number(octet).toString(2).padStart(8, "0")).join("")

const reasonOf = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => HttpFailure.fromUnknown(error).reason)

describe("publicOnly", () => {
  it.each([
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "::127.0.0.1",
    "0:0:0:0:0:ffff:c0a8:101",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "3fff::1",
    "4000::1",
    "6000::1",
    "7fff:ffff::1",
    "8000::1",
    "a000::1",
    "e000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "localhost",
    "2130706433",
    "",
    "not an address"
  ])("refuses %s", (address) => assert.isFalse(Addresses.publicOnly.allows(address)))

  it.each([
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e"
  ])("allows %s", (address) => assert.isTrue(Addresses.publicOnly.allows(address)))
})

describe("make", () => {
  it.each(["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/-1", "::/129", "example.com", "", "10.0.0/8"])(
    "throws for %s",
    (range) => {
      assert.throws(() => Addresses.make({ allow: [range] }), RangeError, "allow")
      assert.throws(() => Addresses.make({ deny: [range] }), RangeError, "deny")
    }
  )

  law(
    "takes an IPv4 address, and the same within an IPv6 one, for one, in addresses and in ranges",
    { octets: Schema.Array(Octet).check(Schema.isMinLength(8), Schema.isMaxLength(8)), prefix: Prefix },
    ({ octets, prefix }, reach) =>
      Effect.sync(() => {
        // An address near the range as often as one anywhere.
        const near = octets.slice(0, 4).map((octet, index) => index < 2 ? octet : octets[index + 4]!)
        const [base, other] = [octets.slice(0, 4).join("."), (octets[4]! < 128 ? near : octets.slice(4)).join(".")]
        const isIn = bitsOf(base).slice(0, prefix) === bitsOf(other).slice(0, prefix)
        reach(isIn ? "within" : "outside")
        for (const range of [`${base}/${prefix}`, `::ffff:${base}/${prefix + 96}`]) {
          for (const address of [other, `::ffff:${other}`, `::FFFF:${other}%1`]) {
            assert.strictEqual(Addresses.make({ allow: [range] }).allows(address), isIn, `${address} in ${range}`)
            assert.strictEqual(Addresses.make({ deny: [range] }).allows(address), !isIn, `${address} not in ${range}`)
          }
        }
      }),
    { cases: 200, reaches: ["within", "outside"] }
  )

  it("allows what is allowed whatever is denied", () => {
    const addresses = Addresses.make({ allow: ["127.0.0.1"], deny: Addresses.special })
    assert.isTrue(addresses.allows("127.0.0.1"))
    assert.isTrue(addresses.allows("::ffff:127.0.0.1"))
    assert.isFalse(addresses.allows("127.0.0.2"))
    assert.isTrue(addresses.allows("8.8.8.8"))
  })
})

describe("A transport with addresses", () => {
  const guarded = UndiciTransport.layer({ addresses: Addresses.publicOnly })
  const port = (url: string) => new URL(url).port

  it.live("connects to no spelling of an address that is refused", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) => void socket.write(Server.response(200, "inside")))
      for (
        const host of [
          "127.0.0.1",
          "localhost",
          "2130706433",
          "0x7f.1",
          "0177.0.0.1",
          "127.1",
          "0",
          "[::1]",
          "[::ffff:127.0.0.1]"
        ]
      ) {
        const reason = yield* reasonOf(HttpClient.get(`http://${host}:${port(server.url)}/`))
        assert.strictEqual(reason._tag, "AddressRefused", host)
        assert.isFalse(reason.isRetryable)
      }
      assert.strictEqual(server.accepted(), 0)
      yield* Server.idle
    }).pipe(Effect.provide(guarded)))

  it.live("looks at the address that it connects to, each time that a name is resolved", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) =>
        void socket.write(Server.response(200, "inside", { connection: "close" }))
      )
      const answers: Array<ReadonlyArray<string>> = [["127.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["10.0.0.1"]]
      type Resolved = (error: Error | null, addresses: ReadonlyArray<{ address: string; family: number }>) => void
      const lookup = (_hostname: string, _options: object, callback: Resolved) =>
        setImmediate(() => callback(null, (answers.shift() ?? []).map((address) => ({ address, family: 4 }))))
      const get = Server.text(`http://rebinding.example:${port(server.url)}/`)
      const layer = UndiciTransport.layer({
        addresses: Addresses.make({ allow: ["127.0.0.1"] }),
        tls: { lookup }
      })
      yield* Effect.provide(
        Effect.gen(function*() {
          assert.strictEqual(yield* get, "inside")
          assert.strictEqual(yield* get, "inside")
          const reason = yield* reasonOf(get)
          assert.deepStrictEqual(reason, new HttpFailure.AddressRefused({ address: "10.0.0.1" }))
          assert.strictEqual(server.accepted(), 2)
        }),
        layer
      )
    }))

  it.live("follows no redirect to an address that is refused", () =>
    Effect.gen(function*() {
      const inside = yield* Server.raw((socket) => void socket.write(Server.response(200, "inside")))
      const server = yield* Server.raw((socket) =>
        void socket.write(Server.response(302, "", { location: inside.url.replace("127.0.0.1", "127.0.0.2") }))
      )
      const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
      const reason = yield* reasonOf(client.get(server.url))
      assert.deepStrictEqual(reason, new HttpFailure.AddressRefused({ address: "127.0.0.2" }))
    }).pipe(Effect.provide(UndiciTransport.layer({ addresses: Addresses.make({ allow: ["127.0.0.1"] }) }))))

  it.live("fails as a request of which nothing was sent", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(HttpClient.get("http://169.254.169.254/latest/meta-data"))
      const failure = Option.getOrThrow(HttpFailure.fromClientError(error))
      assert.strictEqual(failure.phase, "connect")
      assert.isFalse(failure.requestWritten)
      assert.include(failure.message, "169.254.169.254")
    }).pipe(Effect.provide(guarded)))

  it("has no proxy", () => {
    const proxy = { url: "http://127.0.0.1:1" }
    assert.throws(() => UndiciTransport.make({ addresses: Addresses.publicOnly, proxy }), RangeError, "addresses")
  })
})
