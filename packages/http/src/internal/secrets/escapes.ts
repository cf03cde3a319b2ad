/**
 * Percent escapes of a text from outside: a URL, a name of a header, a message of a server.
 *
 * Guarded by `test/client/pathTokens.test.ts` and `test/call/secrets.laws.test.ts`.
 */

/** A text without its escapes. One that is malformed does not keep the others from being read. */
export const unescaped = (text: string): string => {
  if (!text.includes("%")) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text.replaceAll(/%([\da-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  }
}
