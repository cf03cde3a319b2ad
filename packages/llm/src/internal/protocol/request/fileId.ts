/**
 * The id under which a vendor has a file that was uploaded before, in the options of a part by the vendor's name:
 * `{ openai: { fileId: "file-abc" }, anthropic: { fileId: "file_011" } }`. A vendor without an id is sent the part's data, so that a chain
 * can go on at another one.
 *
 * A vendor knows an id in the account alone that uploaded the file. `fileIds` has the ids of several accounts, by the names of their
 * providers: `{ openai: { fileIds: { "key-a": "file-1", "key-b": "file-2" } } }`.
 *
 * Guarded by `test/protocol/request/files.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import { fields, isFields, text } from "../field.ts"

/** The id of a file at a vendor, if the part names one. */
export const fileIdOf = ({ options }: Prompt.FilePart, vendor: string): string | undefined =>
  text(fields(fields(options)[vendor])["fileId"])

/** A file with the ids of the account of the provider `name`; the very same where it has none by account. */
export const ofAccount = (part: Prompt.FilePart, name: string): Prompt.FilePart => {
  const entries = Object.entries(part.options)
  if (!entries.some(([, vendor]) => isFields(vendor) && isFields(vendor["fileIds"]))) return part
  const options = Object.fromEntries(entries.map(([key, vendor]) => {
    if (!isFields(vendor) || !isFields(vendor["fileIds"])) return [key, vendor]
    const { fileIds, ...rest } = vendor
    const own = isFields(fileIds) && Object.hasOwn(fileIds, name) ? text(fileIds[name]) : undefined
    return [key, own === undefined ? rest : { ...rest, fileId: own }]
  })) as Prompt.FilePart["options"]
  return { ...part, options }
}
