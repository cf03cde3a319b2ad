/** Addresses by range, whatever their notation. */
import { BlockList, isIP } from "node:net"

/** A list of addresses and ranges. */
export const listOf = (name: string, ranges: ReadonlyArray<string>): BlockList => {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = "", bits, ...more] = range.split("/")
    const family = isIP(address)
    const most = family === 4 ? 32 : 128
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
    if (family === 0 || more.length > 0 || prefix < 0 || prefix > most) {
      throw new RangeError(`Addresses.make: ${name} must have addresses or ranges as 10.0.0.0/8, got ${range}`)
    }
    list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6")
  }
  return list
}

/** Without the zone of a link-local address, as in `fe80::1%eth0`. */
export const bare = (address: string): string => address.replace(/%.*$/, "")

export const isIn = (list: BlockList, address: string): boolean => {
  const plain = bare(address)
  const mapped = mappedOf(plain)
  if (mapped !== undefined) return list.check(mapped, "ipv4")
  const family = isIP(plain)
  return family !== 0 && list.check(plain, family === 4 ? "ipv4" : "ipv6")
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
