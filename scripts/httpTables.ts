/**
 * Statuses, hints, timeouts, options and bounds of http, as the tables of its README: read from the constants and doc comments
 * that the code itself has. `npm run docs` writes them.
 */
import * as Duration from "effect/Duration"
import { readFileSync, writeFileSync } from "node:fs"
import { STATUS_CODES } from "node:http"
import { plural } from "../packages/core/src/internal/arguments/plural.ts"
import { defaults } from "../packages/http/src/internal/undici/transportOptions.ts"
import { transientStatuses } from "../packages/http/src/ServerHints.ts"
import { filling, table } from "./tables.ts"

/** Where the tables go. */
export const file = new URL("../packages/http/README.md", import.meta.url)

const source = (path: string): string => readFileSync(new URL(`../packages/http/src/${path}`, import.meta.url), "utf8")

/** The statuses that Node has no name for. */
const names: Readonly<Record<number, string>> = {
  425: "Too Early",
  520: "Cloudflare: the origin's answer makes no sense",
  521: "Cloudflare: the origin refuses the connection",
  522: "Cloudflare: the connection to the origin timed out",
  523: "Cloudflare: the origin has no route",
  524: "Cloudflare: the origin did not answer in time",
  529: "overloaded, at some APIs",
  530: "Cloudflare: the origin's name did not resolve"
}

const statuses = [...transientStatuses].toSorted((a, b) => a - b).map((status) => {
  const name = names[status] ?? STATUS_CODES[status]
  if (name === undefined) throw new Error(`scripts/httpTables.ts has no name for the status ${status}`)
  return [String(status), name]
})

/** The table of a module's doc comment, without the stars. */
const tableIn = (path: string): string =>
  source(path).split("\n").filter((line) => line.startsWith(" * |")).map((line) => line.slice(3)).join("\n")

/** A default as a reader takes it. The numbers of `durations` are milliseconds. */
const shown = (option: keyof typeof defaults): string => {
  const value = defaults[option]
  if (value === Infinity) return "no bound"
  if (typeof value === "boolean") return value ? "yes" : "no"
  return durations.has(option) ? inWords(value) : value.toLocaleString("en")
}

const durations: ReadonlySet<string> = new Set([
  "keepAlive",
  "connectTimeout",
  "headersTimeout",
  "bodyTimeout",
  "poolWait",
  "gracePeriod"
])

const inWords = (millis: number): string => {
  const [amount, unit] = millis % 60_000 === 0 ? [millis / 60_000, "minute"] : [millis / 1000, "second"]
  if (Duration.toMillis(`${amount} ${unit}s` as Duration.Input) !== millis) throw new Error(`${millis} millis`)
  return plural(amount, unit)
}

type Row = ReadonlyArray<string>

const timeouts: ReadonlyArray<Row> = [
  ["waiting for a connection of the pool", "`poolWait`", shown("poolWait"), "`PoolTimeout`, nothing sent"],
  ["opening one, with proxy and TLS", "`connectTimeout`", shown("connectTimeout"), "`ConnectTimeout`, nothing sent"],
  ["the head of the response", "`headersTimeout`", shown("headersTimeout"), "`HeadersTimeout`"],
  ["the body, without progress while it is read", "`bodyTimeout`", shown("bodyTimeout"), "`BodyTimeout`"],
  ["one attempt: all of that, until the body has ended", "`timeouts.attempt`", "none", "`AttemptTimeout`"],
  [
    "the whole call: all attempts, all delays, and the body to its end",
    "`timeouts.total`",
    "none",
    "`DeadlineExceeded`"
  ]
]

const bound = (option: keyof typeof defaults, what: string, past: string): Row => [
  `\`${option}\``,
  what,
  shown(option),
  past
]

const transport: ReadonlyArray<Row> = [
  bound("connections", "open connections", "the request waits"),
  bound("idleConnections", "connections that no request uses", "the longest idle is closed"),
  bound("maxConnections", "open connections in all, over every origin", "the request waits"),
  bound("poolQueue", "requests that wait for a connection", "`PoolTimeout` at once"),
  bound("keepAlive", "an idle connection; a server that announces less is believed", "the connection is closed"),
  ["`keepAliveMax`", "an idle connection whose server announces more", "`keepAlive`", "the connection is closed"],
  bound(
    "gracePeriod",
    "what is under way when the layer closes; new requests fail from then on",
    "the rest fails, connections are gone"
  ),
  ["`tls`", "what `tls.connect` takes: `ca`, `cert`, `key`...", "Node's own", ""],
  [
    "`proxy`",
    "a proxy, with `Redacted` credentials: a tunnel for https, forwarded http",
    "none",
    "see below"
  ],
  ["`socketPath`", "a unix socket instead of host and port", "none", ""],
  bound("http2", "whether to speak HTTP/2 where the server offers it", ""),
  ["`addresses`", "the addresses that may be connected to, such as `Addresses.publicOnly`", "all", "`AddressRefused`"],
  bound("maxResponseSize", "bytes of a body as they come", "`ResponseTooLarge`"),
  bound("maxDecodedSize", "bytes of a body once it is decoded", "`ResponseTooLarge`")
]

/** The options that an interface declares: name, first sentence and default of each, as its doc comment has them. */
const declared = (path: string, name: string): ReadonlyArray<Row> => {
  const [, body = ""] = new RegExp(`export interface ${name}\\b[^{]*\\{\\n([^]*?)\\n\\}`, "u").exec(source(path)) ?? []
  const members = [...body.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s+readonly (\w+)\??:/gu)]
  if (members.length === 0) throw new Error(`${path} has no options ${name}`)
  return members.map(([, comment = "", option = ""]) => {
    const text = comment.replaceAll(/\s*\n\s*\* ?/gu, " ").trim()
    const fallback = /\bDefault: ([^]*)\.$/u.exec(text)?.[1]
    const sentence = text.split(/(?<=[.)])\s(?=[A-Z"`])/u)[0] ?? ""
    if (fallback === undefined || sentence.startsWith("Default:")) {
      throw new Error(`the doc comment of ${name}.${option} says nothing of it, or no default`)
    }
    return [`\`${option}\``, sentence.replace(/\.$/u, ""), fallback]
  })
}

/** All tables, by the name of their place in the file. */
export const tables: Readonly<Record<string, string>> = {
  statuses: table(["status", "meaning"], statuses),
  hints: tableIn("ServerHints.ts"),
  timeouts: table(
    ["what takes too long", "bound", "default", "what the attempt or the call fails with"],
    timeouts
  ),
  options: table(
    ["option", "what it says", "default"],
    [...declared("internal/policyOptions.ts", "Parts"), ...declared("internal/policyOptions.ts", "Options")]
  ),
  transport: table(["option", "what it bounds", "default", "past it"], transport)
}

/** The text with the tables in their places. */
export const filled = filling(file, tables)

if (import.meta.main) writeFileSync(file, filled(readFileSync(file, "utf8")))
