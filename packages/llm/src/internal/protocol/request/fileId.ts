/**
 * The id under which a vendor has a file that was uploaded before, in the options of a part by the vendor's name:
 * `{ openai: { fileId: "file-abc" }, anthropic: { fileId: "file_011" } }`. A vendor without an id is sent the part's data, so that a chain
 * can go on at another one.
 *
 * Guarded by `test/protocol/request/files.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import { fields, text } from "../field.ts"

/** The id of a file at a vendor, if the part names one. */
export const fileIdOf = ({ options }: Prompt.FilePart, vendor: string): string | undefined =>
  text(fields(fields(options)[vendor])["fileId"])
