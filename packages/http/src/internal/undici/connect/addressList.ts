/**
 * Addresses by range, whatever their notation.
 *
 * Guarded by `test/Addresses.test.ts` and `test/dispatcher/dispatcher.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { BlockList, isIP } from "node:net"

/** A list for each family: in one for both, Node finds every IPv4 address within `::/3`. */
export interface AddressList {
  readonly ipv4: BlockList
  readonly ipv6: BlockList
}

/** Addresses and ranges, as a list. */
export const rangesOption: Arguments.Check<AddressList> = (value, place) => {
  const list = { ipv4: new BlockList(), ipv6: new BlockList() }
  const ranges = Arguments.array(rangeOption)(value, place)
  for (const range of ranges ?? []) if (range !== undefined) add(list, range)
  return list
}

/** A range of addresses: those that share the first `prefix` bits of `address`. */
export interface Range {
  readonly address: string
  readonly prefix: number
  readonly kind: "ipv4" | "ipv6"
}

export const add = (list: AddressList, { address, kind, prefix }: Range): void =>
  list[kind].addSubnet(address, prefix, kind)

/** Reads an address or a range such as `10.0.0.0/8`. A range of IPv4 addresses in IPv6 ones is one of IPv4. */
export const parseRange = (text: string): Range | undefined => {
  const [given = "", bits, ...more] = text.split("/")
  const family = isIP(given)
  const most = family === 4 ? 32 : 128
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (family === 0 || more.length > 0 || prefix < 0 || prefix > most) return undefined
  const address = bare(given)
  const mapped = prefix < mappedBits ? undefined : mappedOf(address)
  if (mapped !== undefined) return { address: mapped, prefix: prefix - mappedBits, kind: "ipv4" }
  return { address, prefix, kind: family === 4 ? "ipv4" : "ipv6" }
}

/** How many bits stand before the IPv4 address in an IPv6 address of `::ffff:0:0/96`. */
const mappedBits = 96

const rangeOption = (value: unknown, place: Arguments.Place) => {
  const range = Arguments.string(value, place)
  if (typeof range !== "string") return undefined
  const parsed = parseRange(range)
  if (parsed === undefined) {
    place.fault(`must be an address or a range such as 10.0.0.0/8, got ${Arguments.show(range)}`)
  }
  return parsed
}

/** Without the zone of a link-local address, as in `fe80::1%eth0`. */
export const bare = (address: string): string => address.replace(/^([^%]*:[^%]*)%.*$/, "$1")

export const isIn = ({ ipv4, ipv6 }: AddressList, address: string): boolean => {
  const plain = bare(address)
  const own = mappedOf(plain) ?? plain
  const family = isIP(own)
  return family === 4 ? ipv4.check(own, "ipv4") : family === 6 && ipv6.check(own, "ipv6")
}

/** The IPv4 address in an IPv6 address of `::ffff:0:0/96`. */
const mappedOf = (address: string): string | undefined => {
  if (isIP(address) !== 6) return undefined
  const host = new URL(`http://[${address}]`).hostname
  const [, high, low] = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(host) ?? []
  if (high === undefined || low === undefined) return undefined
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return `${a >> 8}.${a & 0xff}.${b >> 8}.${b & 0xff}`
}
