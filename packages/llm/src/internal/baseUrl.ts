/** The URL of an API without its trailing slashes, or a `RangeError` that names who was given it. */
export const parse = (where: string, url: string): string => {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new RangeError(`${where}: baseUrl must be an http or https URL, got ${JSON.stringify(url)}`)
  }
  return url.replace(/\/+$/, "")
}
