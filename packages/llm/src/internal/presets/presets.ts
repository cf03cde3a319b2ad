/**
 * Servers of chat completions, one row each: the URL, the variables, and the parts of a request that the server supports.
 * Differences in answers are handled for all servers alike, by `response.ts` and `ProviderFailure`; a row has only what no answer
 * shows. The clouds are in `clouds.ts`, the servers on your own machines in `locals.ts`.
 *
 * Guarded by `test/openai/presets.test.ts` and `test/OpenAiProvider.test.ts`.
 */
import { clouds } from "./clouds.ts"
import { locals } from "./locals.ts"
import type { Preset } from "./preset.ts"

export const presets = { ...clouds, ...locals } as const satisfies Readonly<Record<string, Preset>>

export type PresetName = keyof typeof presets
