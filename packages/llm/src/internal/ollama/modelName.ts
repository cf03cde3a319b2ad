/**
 * The names of Ollama's models, as its server reads them (`types/model/name.go`).
 *
 * Guarded by `test/OllamaProvider.test.ts` and `test/ollama.integration.test.ts`.
 */

/**
 * A model's name in full and in one spelling: `host/namespace/model:tag`, where what is left out is the registry's, and case
 * says nothing.
 */
const canonical = (name: string): string => {
  const parts = name.trim().replace(/^[a-z]+:\/\//i, "").toLowerCase().split("/")
  const [model = "", tag = "latest"] = (parts.pop() ?? "").split(":")
  const namespace = parts.pop() ?? "library"
  const host = parts.join("/") || "registry.ollama.ai"
  return `${host}/${namespace}/${model}:${tag}`
}

/** A model as a server lists it. Old servers give no digest. */
export interface Listed {
  readonly name: string
  readonly digest?: string | null | undefined
}

/**
 * The one of `among` that is the model `wanted`: by its digest, which an alias shares with its original, and else by its
 * name. `installed` says which digest the name has.
 */
export const find = <A extends Listed>(
  wanted: string,
  installed: ReadonlyArray<Listed>,
  among: ReadonlyArray<A>
): A | undefined => {
  const name = canonical(wanted)
  const byName = (model: Listed) => canonical(model.name) === name
  const digest = installed.find(byName)?.digest
  return among.find(byName) ?? among.find((model) => model.digest === digest && typeof digest === "string")
}
