/**
 * Limits the addresses that a transport may connect to, so that a program that fetches untrusted URLs cannot be made to
 * reach its own network (server-side request forgery).
 *
 * **When to use**
 *
 * Use it when URLs or their redirects come from outside: webhooks, link previews, tools of a language model.
 *
 * **Details**
 *
 * Checking names is not protection: a name may resolve to any address, and to a different one the next time. So the
 * transport checks each address after the name is resolved, right before it connects. A URL may spell an address in
 * many ways (`http://2130706433`, `http://0x7f.1`, `http://[::ffff:127.0.0.1]`); the check sees the address itself.
 *
 * **Gotchas**
 *
 * A proxy resolves names and connects by itself, so the check does not work behind one.
 *
 * **Example** (A client that reaches only public addresses)
 *
 * ```ts import.meta.vitest
 * import * as Addresses from "@holdfast/http/Addresses"
 * import { UndiciTransport } from "@holdfast/http"
 * import { Layer } from "effect"
 *
 * Layer.isLayer(UndiciTransport.layer({ addresses: Addresses.publicOnly })) // => true
 *
 * Addresses.publicOnly.allows("93.184.215.14") // => true
 * Addresses.publicOnly.allows("169.254.169.254") // => false
 * Addresses.publicOnly.allows("::ffff:10.0.0.1") // => false
 * ```
 */
import * as Arguments from "@holdfast/core/Arguments"
import { isIP } from "node:net"
import { bare, isIn, rangesOption } from "./internal/undici/connect/addressList.ts"
import type { Addresses } from "./internal/undici/options.ts"

export type { Addresses } from "./internal/undici/options.ts"

/** The options of {@link make}. */
export interface Options {
  /** Addresses and CIDR ranges to allow, whatever `deny` says. Default: none. */
  readonly allow?: ReadonlyArray<string> | undefined
  /** Addresses and CIDR ranges to deny. Default: all except `allow`. */
  readonly deny?: ReadonlyArray<string> | undefined
}

/**
 * Addresses by range. An IPv4 address in an IPv6 one (`::ffff:10.0.0.1`) counts as the IPv4 address.
 *
 * Throws a `RangeError` for an invalid address or range.
 *
 * ```ts import.meta.vitest
 * import * as Addresses from "@holdfast/http/Addresses"
 *
 * const cluster = Addresses.make({ allow: ["10.1.0.0/16"] })
 * cluster.allows("10.1.2.3") // => true
 * cluster.allows("10.2.2.3") // => false
 *
 * const some = Addresses.make({ allow: ["10.1.2.3"], deny: Addresses.special })
 * some.allows("10.1.2.3") // => true
 * some.allows("10.1.2.4") // => false
 * some.allows("8.8.8.8") // => true
 * ```
 */
export const make = (options: Options): Addresses => {
  const { allow: allowed, deny: denied } = Arguments.check("Addresses.make", addressesOptions, options)
  return { allows: (address) => isIn(allowed, address) || (isIP(bare(address)) !== 0 && !isIn(denied, address)) }
}

const none = rangesOption([], new Arguments.Place())
const every = rangesOption(["0.0.0.0/0", "::/0"], new Arguments.Place())

const addressesOptions = Arguments.struct({
  allow: Arguments.optional(rangesOption, none),
  deny: Arguments.optional(rangesOption, every)
})

/**
 * The ranges of IANA's special-purpose registries: loopback, private, shared, link-local, documentation, benchmarking,
 * multicast, reserved, and those that hold an IPv4 address (NAT64, 6to4, Teredo). Cloud metadata services are in them,
 * but for Azure's `168.63.129.16`, which stands beside.
 */
export const special: ReadonlyArray<string> = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  // Global unicast is 2000::/3; what is outside of it, and these within.
  "::/3",
  "4000::/2",
  "8000::/1",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "2620:4f:8000::/48",
  "3fff::/20"
]

/** All addresses of the public internet: all except {@link special}. */
export const publicOnly: Addresses = make({ deny: special })
