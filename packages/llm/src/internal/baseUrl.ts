/** A URL that HTTP can be spoken to, or a `RangeError` that names who was given it and as what. */
export const check = (where: string, name: string, url: string): string => {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new RangeError(`${where}: ${name} must be an http or https URL, got ${JSON.stringify(url)}`)
  }
  return url
}

/** The base URL of an API, without trailing slashes. */
export const parse = (where: string, url: string): string => check(where, "baseUrl", url).replace(/\/+$/, "")
