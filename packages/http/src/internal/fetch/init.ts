/**
 * The second argument of `fetch`, read as the platform reads it, and what of it a `fetch` below is told.
 *
 * Guarded by `test/fetch/contract.test.ts` and `test/fetch/promises.test.ts`.
 */

/** The members of `RequestInit` (Fetch Standard, section "Request class"), and those that Node adds. */
const members = [
  "method",
  "headers",
  "body",
  "referrer",
  "referrerPolicy",
  "mode",
  "credentials",
  "cache",
  "redirect",
  "integrity",
  "keepalive",
  "signal",
  "duplex",
  "priority",
  "window"
] as const

/**
 * The members of `init`, each read once. They may be inherited, or getters: programs pass a `Request`. Members that only
 * this runtime knows are handed on, if they are the object's own.
 */
export const initOf = (input: string | URL | Request, init: RequestInit | null | undefined): RequestInit => {
  if (init === undefined || init === null) return {}
  // Only the platform can say in its words that this is not an object.
  if (typeof init !== "object" && typeof init !== "function") void new Request(input, init)
  const said: Record<string, unknown> = {}
  for (const name of new Set<string>([...Object.keys(init), ...members])) {
    const value: unknown = Reflect.get(init, name)
    if (value !== undefined) said[name] = value
  }
  // A `Request` has a value for each. Some runtimes refuse to be told the usual ones.
  if (init instanceof Request && !(input instanceof Request)) {
    for (const [name, usual] of defaults) if (said[name] === usual) delete said[name]
  }
  return said
}

/** What a transport that is a `fetch` is told beside the request: cache, credentials and all else that is its own to know. */
export const passedOn = (input: string | URL | Request, init: RequestInit, request: Request): RequestInit => {
  const { body: _body, headers: _headers, method: _method, signal: _signal, ...own } = init
  Reflect.deleteProperty(own, "duplex")
  return {
    ...(input instanceof Request ? changed(input) : undefined),
    ...own,
    // A redirect that is not followed is a matter of this call; to the transport it is an answer.
    redirect: request.redirect === "follow" ? "follow" : "manual"
  }
}

/** What a `Request` says other than by default. Some runtimes do not have all of these, and refuse to be told. */
const changed = (request: Request): RequestInit => {
  const init: Record<string, unknown> = {}
  for (const [name, usual] of defaults) {
    const value = Reflect.get(request, name)
    if (value !== undefined && value !== usual) init[name] = value
  }
  return init
}

const defaults = [
  ["cache", "default"],
  ["credentials", "same-origin"],
  ["integrity", ""],
  ["keepalive", false],
  ["mode", "cors"],
  ["referrer", "about:client"],
  ["referrerPolicy", ""]
] as const
