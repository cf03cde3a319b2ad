/**
 * The hosts that `NO_PROXY` names, read as curl reads it.
 *
 * Guarded by `test/undici/environment.test.ts` and `test/issues/posts-on-a-connection-that-has-just-ended.test.ts`.
 */
import { BlockList, isIP } from "node:net"
import { domainToASCII } from "node:url"
import type { Origin } from "../target.ts"
import { add, isIn, parseRange } from "./addressList.ts"

/** Whether an origin is asked without a proxy. */
export const exceptions = (text: string): (origin: Origin) => boolean => {
  const rules = text.split(/[,\s]+/).filter((entry) => entry !== "").map(ruleOf)
  return (origin) => rules.some((rule) => rule(origin))
}

type Rule = (origin: Origin) => boolean

const ruleOf = (entry: string): Rule => {
  if (entry === "*") return () => true
  const range = entry.includes("/") ? entry.replace(/^\[(.*)\]\//, "$1/") : entry
  if (isIP(range.replace(/\/.*$/, "")) !== 0) return rangeRule(range)
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d*))?$/.exec(entry) ?? []
  const host = (bracketed ?? plain ?? entry).toLowerCase()
  const isPort: Rule = (origin) => port === undefined || port === "" || Number(port) === origin.port
  if (isIP(host) !== 0) {
    const isAddress = rangeRule(host)
    return (origin) => isPort(origin) && isAddress(origin)
  }
  // `example.com`, `.example.com` and `*.example.com` mean the same: the name and those below it.
  const spelled = host.replace(/^\*?\./, "").replace(/\.$/, "")
  const name = domainToASCII(spelled) || spelled
  return (origin) => {
    const address = origin.address.replace(/\.$/, "")
    return isPort(origin) && (address === name || address.endsWith(`.${name}`))
  }
}

const rangeRule = (text: string): Rule => {
  const range = parseRange(text)
  if (range === undefined) return () => false
  const list = { ipv4: new BlockList(), ipv6: new BlockList() }
  add(list, range)
  return ({ address }) => isIn(list, address)
}
