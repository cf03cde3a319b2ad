/**
 * The hosts that `NO_PROXY` names, read as curl reads it.
 *
 * Guarded by `test/undici/environment.test.ts` and `test/issues/posts-on-a-connection-that-has-just-ended.test.ts`.
 */
import { BlockList, isIP } from "node:net"
import { domainToASCII } from "node:url"
import type { Origin } from "../target.ts"

/** Whether an origin is asked without a proxy. */
export const exceptions = (text: string): (origin: Origin) => boolean => {
  const rules = text.split(/[,\s]+/).filter((entry) => entry !== "").map(ruleOf)
  return (origin) => rules.some((rule) => rule(origin))
}

type Rule = (origin: Origin) => boolean

const ruleOf = (entry: string): Rule => {
  if (entry === "*") return () => true
  const [, base, bits] = /^\[?([0-9a-f.:]+)\]?\/(\d{1,3})$/i.exec(entry) ?? []
  if (base !== undefined && isIP(base) !== 0) return rangeRule(base, Number(bits))
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*|.*:.*:.*))(?::(\d+))?$/.exec(entry) ?? []
  const host = (bracketed ?? plain ?? entry).toLowerCase()
  const isPort: Rule = (origin) => port === undefined || Number(port) === origin.port
  if (isIP(host) !== 0) {
    const address = addressOf(host)
    return (origin) => isPort(origin) && origin.address === address
  }
  // `example.com`, `.example.com` and `*.example.com` mean the same: the name and those below it.
  const spelled = host.replace(/^\*?\./, "").replace(/\.$/, "")
  const name = domainToASCII(spelled) || spelled
  return (origin) => {
    const address = origin.address.replace(/\.$/, "")
    return isPort(origin) && (address === name || address.endsWith(`.${name}`))
  }
}

const rangeRule = (base: string, bits: number): Rule => {
  const family = isIP(base) === 4 ? "ipv4" : "ipv6"
  if (bits > (family === "ipv4" ? 32 : 128)) return () => false
  const list = new BlockList()
  list.addSubnet(base, bits, family)
  return ({ address }) => {
    const own = isIP(address)
    return own !== 0 && list.check(address, own === 4 ? "ipv4" : "ipv6")
  }
}

/** An address as an origin spells it. */
const addressOf = (host: string): string => isIP(host) === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host
