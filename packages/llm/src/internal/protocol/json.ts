/**
 * JSON texts from a server.
 *
 * Guarded by `test/protocol/request/embedding.test.ts` and `test/protocol/authorship.test.ts`.
 */

/** The value of a JSON text; `undefined` for an invalid one. */
export const parse = (text: string): { readonly json: unknown } | undefined => {
  try {
    return { json: JSON.parse(text) }
  } catch {
    return undefined
  }
}

export const isJson = (text: string): boolean => parse(text) !== undefined
