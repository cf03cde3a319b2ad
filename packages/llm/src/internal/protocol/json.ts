/** JSON texts from a server. */

/** The value of a JSON text; `undefined` where it is none. */
export const parse = (text: string): { readonly json: unknown } | undefined => {
  try {
    return { json: JSON.parse(text) }
  } catch {
    return undefined
  }
}

export const isJson = (text: string): boolean => parse(text) !== undefined
