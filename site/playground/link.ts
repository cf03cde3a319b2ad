/** All of the playground in the fragment of a link: it is not sent to any server. */
import { type Sliders, untouched } from "./sliders.ts"

export interface State {
  readonly text: string
  readonly seed: number
  readonly sliders: Sliders
}

export const encode = (state: State): string => {
  const bytes = new TextEncoder().encode(JSON.stringify(state))
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/u, "")
}

const number = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined

/** The state of a fragment; `undefined` where it has none. */
export const decode = (fragment: string): State | undefined => {
  try {
    const bytes = Uint8Array.from(
      atob(fragment.replaceAll("-", "+").replaceAll("_", "/")),
      (character) => character.codePointAt(0) ?? 0
    )
    const { seed, sliders, text } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<State>
    if (typeof text !== "string") return undefined
    return {
      text,
      seed: number(seed) ?? 1,
      sliders: {
        load: number(sliders?.load) ?? untouched.load,
        retries: number(sliders?.retries),
        budget: number(sliders?.budget),
        timeout: number(sliders?.timeout)
      }
    }
  } catch {
    return undefined
  }
}
