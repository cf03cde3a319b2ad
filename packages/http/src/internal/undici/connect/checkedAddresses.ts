/**
 * Keeps connections to the addresses that are allowed. Node connects to what `lookup` gives, and to nothing else, so an
 * address that is left out there is not tried; a host that is an address itself is not looked up, and checked before.
 *
 * Guarded by `test/Addresses.test.ts` and `test/dispatcher/dispatcher.test.ts`.
 */
import { lookup as dnsLookup, type LookupAddress, type LookupAllOptions } from "node:dns"
import { isIP } from "node:net"
import type { buildConnector } from "undici"
import { AddressRefused } from "../../../HttpFailure.ts"
import type { Addresses, TlsOptions } from "../options.ts"
import { notConnected } from "./proxyRefusal.ts"

type Resolved = (error: Error | null, address: string | Array<LookupAddress>, family?: number) => void
type ResolveAll = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: Error | null, addresses: Array<LookupAddress>) => void
) => void

const refused = (address: string): Error => notConnected(new AddressRefused({ address }))

/** The option of `net.connect` and `tls.connect` that resolves names to addresses that are allowed. */
export const checkedLookup = ({ allows }: Addresses, own: TlsOptions["lookup"]) => {
  const resolve = (own ?? dnsLookup) as unknown as ResolveAll
  return {
    lookup: (hostname: string, options: { readonly all?: boolean | undefined }, callback: Resolved): void =>
      resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return callback(error, [])
        const allowed = addresses.filter(({ address }) => allows(address))
        const [first] = allowed
        if (first === undefined) return callback(refused(addresses[0]?.address ?? hostname), [])
        if (options.all === true) callback(null, allowed)
        else callback(null, first.address, first.family)
      })
  }
}

type Connect<A> = (options: buildConnector.Options, callback: buildConnector.Callback) => A

/** Opens a connection to a host that is an address only if that is allowed. */
export const checked =
  <A>({ allows }: Addresses, connect: Connect<A>): Connect<A | { readonly destroy: () => void }> =>
  (options, callback) => {
    if (isIP(options.hostname) === 0 || allows(options.hostname)) return connect(options, callback)
    // undici expects to be called back later.
    queueMicrotask(() => callback(refused(options.hostname), null))
    return { destroy: () => undefined }
  }
