/**
 * What carries upgrades and tunnels: undici's own `Agent`, whose connections are opened as all others are, so that proxies,
 * TLS options and the addresses that may be connected to hold for them too.
 *
 * Guarded by `test/dispatcher/dispatcher.test.ts` and `test/dispatcher/dispatcher.fetch.test.ts`.
 */
import { Agent, type Dispatcher, errors, Pool } from "undici"
import type { Connector } from "../undici/connect/connector.ts"
import { Origin } from "../undici/target.ts"

export const upgrading = (connector: Connector): Dispatcher =>
  new Agent({
    factory: (origin) => {
      const { connect, forward, url } = connector.route(new Origin(new URL(origin)))
      if (forward !== undefined) {
        throw new errors.InvalidArgumentError(
          "A proxy that forwards does not upgrade connections: set tunnel: true in its options"
        )
      }
      return new Pool(url, { connect: (options, callback) => void connect(options, callback), allowH2: false })
    }
  })
