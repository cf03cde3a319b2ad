/**
 * Where a Redis is, as a URL says it. A fault never shows the text: it may hold a password.
 *
 * Guarded by `test/store/target.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Redacted from "effect/Redacted"

/** One server: at a host, or at a socket of this machine. */
export type Node =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined }

export interface Target {
  readonly nodes: readonly [Node, ...ReadonlyArray<Node>]
  readonly username: string | undefined
  readonly password: Redacted.Redacted | undefined
  readonly database: number
  readonly tls: boolean
  /** The authority that signed the server's certificate, in PEM; `undefined` for those that are known. */
  readonly ca: string | undefined
  readonly cluster: boolean
}

/** What may be said beside the URL. */
export interface Beside {
  readonly password?: Redacted.Redacted | undefined
  readonly cluster?: boolean | undefined
  readonly tls?: boolean | undefined
  readonly ca?: string | undefined
}

const secure: Readonly<Record<string, boolean>> = {
  "redis:": false,
  "valkey:": false,
  "rediss:": true,
  "valkeys:": true
}

const rule = "must be a URL such as redis://host:6379, with user and password percent-encoded (the value is not shown)"

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const nonEmpty = (text: string): string | undefined => text === "" ? undefined : decode(text)

const nodeOf = ({ hostname, pathname, port, protocol }: URL): Node =>
  protocol === "unix:"
    ? { path: decode(pathname) }
    : { host: decode(hostname).replace(/^\[(.*)\]$/u, "$1"), port: port === "" ? 6379 : Number(port) }

/** Commas between URLs, and not those of a password. */
const between = /,(?=\s*(?:redis|rediss|valkey|valkeys):\/\/)/u

/** Reads one URL, or several of the nodes of a cluster, separated by commas. */
const read = (text: string, beside: Beside, place: Arguments.Place): Target | undefined => {
  const urls = text.trim().split(between).map((url) => URL.parse(url.trim()))
  const [first] = urls
  const nodes: Array<Node> = []
  for (const url of urls) {
    const isSocket = url?.protocol === "unix:" && url.pathname.length > 1 && url.hostname === ""
    if (url === null || url === undefined || !(isSocket || (url.protocol in secure && url.hostname !== ""))) {
      place.fault(rule)
      return undefined
    }
    if (url.search !== "" || url.hash !== "") {
      place.fault("must have neither a query nor a fragment: percent-encode the password (the value is not shown)")
      return undefined
    }
    nodes.push(nodeOf(url))
  }
  const [node, ...others] = nodes
  if (first === undefined || first === null || node === undefined) return undefined
  const isSocket = node.path !== undefined
  const database = isSocket ? "" : first.pathname.replace(/^\//u, "")
  const cluster = beside.cluster ?? others.length > 0
  const tls = beside.tls ?? secure[first.protocol] ?? false
  if (!/^\d{0,5}$/u.test(database)) {
    place.fault("must end with the number of a database, or with none, such as redis://host:6379/1")
  }
  if (cluster && Number(database) > 0) place.fault("must name no database: a cluster has one")
  if (cluster && isSocket) place.fault("must name a host: the nodes of a cluster are found over TCP")
  if (!cluster && others.length > 0) place.fault("names several servers: that is a cluster")
  if (beside.tls === false && secure[first.protocol] === true) {
    place.fault("asks for TLS by its scheme: use redis:// for a connection without")
  }
  if (urls.some((url) => url?.protocol !== first.protocol)) place.fault("must have the same scheme in all its URLs")
  const password = nonEmpty(first.password)
  return {
    nodes: [node, ...others],
    username: nonEmpty(first.username),
    password: beside.password ?? (password === undefined ? undefined : Redacted.make(password)),
    database: Number(database),
    tls,
    ca: beside.ca,
    cluster
  }
}

/** A target without what is secret about it. */
export const show = ({ cluster, database, nodes, tls }: Target): string => {
  const named = nodes.map((node) =>
    node.path === undefined
      ? `${tls ? "rediss" : "redis"}://${node.host.includes(":") ? `[${node.host}]` : node.host}:${node.port}`
      : `unix://${node.path}`
  )
  return named.join(",") + (database > 0 && !cluster ? `/${database}` : "")
}

/** The check of the certificate of an authority, in PEM. A value in its place may be a secret, so it is not shown. */
export const certificate: Arguments.Check<string | undefined> = (value, place) => {
  if (typeof value === "string" && /-----BEGIN CERTIFICATE-----[^]+-----END CERTIFICATE-----/u.test(value)) return value
  place.fault("must be a certificate in PEM (the value is not shown)")
  return undefined
}

/** What is wrong with a certificate where the connection is not encrypted. */
export const withoutTls = "has no meaning without TLS: use rediss://"

/** The check of a URL, for options and settings. */
export const check = (beside: Beside): Arguments.Check<Target | undefined> => (value, place) => {
  const text = Redacted.isRedacted(value) ? Redacted.value(value) : value
  if (typeof text === "string") return read(text, beside, place)
  place.fault(rule)
  return undefined
}
