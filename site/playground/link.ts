/** All of the playground in the fragment of a link: it is not sent to any server. */
import type { Sliders } from "./sliders.ts"

export interface State {
  readonly text: string
  readonly seed: number
  readonly sliders: Sliders
}

/** The longest text that is taken from a link, in characters. */
const longest = 1_000_000

export const encode = (state: State): string => {
  // A string made from all bytes at once would take each as an argument, of which there may be too many.
  let characters = ""
  for (const byte of new TextEncoder().encode(JSON.stringify(state))) characters += String.fromCharCode(byte)
  return btoa(characters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/u, "")
}

const isFinite = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value)

/** The state of a fragment; `undefined` where it has none. Anyone can write a link, so nothing in it is taken unchecked. */
export const decode = (fragment: string): State | undefined => {
  try {
    const bytes = Uint8Array.from(
      atob(fragment.replaceAll("-", "+").replaceAll("_", "/")),
      (character) => character.codePointAt(0) ?? 0
    )
    const { seed, sliders, text } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<State>
    if (typeof text !== "string" || text.length > longest) return undefined
    return {
      text,
      seed: Number.isSafeInteger(seed) ? Number(seed) : 1,
      sliders: Object.fromEntries(
        Object.entries(typeof sliders === "object" && sliders !== null ? sliders : {}).filter(([, value]) =>
          isFinite(value)
        )
      )
    }
  } catch {
    return undefined
  }
}
