/**
 * A server as OpenTelemetry's semantic conventions name it on a metric.
 *
 * Guarded by `test/call/telemetry.test.ts` and `test/undici/transport.test.ts`.
 */

/** Scheme, host without the brackets of an IPv6 address, and port, the default one too. */
export const serverOf = (origin: string) => {
  const { hostname, port, protocol } = new URL(origin)
  return {
    "url.scheme": protocol.slice(0, -1),
    "server.address": hostname.replace(/^\[|\]$/g, ""),
    "server.port": port === "" ? (protocol === "https:" ? "443" : "80") : port
  }
}
