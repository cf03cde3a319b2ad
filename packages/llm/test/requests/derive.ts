/**
 * Asks the vendors' own SDKs for every case against a server on 127.0.0.1, and writes down what they send:
 * `npm run sdk-requests`. Run it after an update of an SDK, and look at what changed.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { cases } from "./cases.ts"
import * as Recorder from "./recorder.ts"
import { anthropic } from "./sdks/anthropic.ts"
import { google } from "./sdks/google.ts"
import { ollama } from "./sdks/ollama.ts"
import { openai } from "./sdks/openai.ts"
import { vercel } from "./sdks/vercel.ts"

const versionOf = (name: string): string => {
  let folder = dirname(createRequire(import.meta.url).resolve(name))
  for (;;) {
    try {
      const found = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
        name?: string
        version?: string
      }
      if (found.name === name && found.version !== undefined) return found.version
    } catch {
      // Not its folder.
    }
    folder = dirname(folder)
  }
}

// Their warnings are about the cases that they cannot say.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })

const recorder = await Recorder.start()
try {
  for (
    const sdk of [openai, anthropic, ollama, google].map((make) => make(recorder.url)).concat(vercel(recorder.url))
  ) {
    const lines: Array<unknown> = [{ sdk: `${sdk.package}@${versionOf(sdk.package)}` }]
    for (const [name, asked] of Object.entries(cases)) {
      const refused = await sdk.ask(asked).then(() => undefined, (error: unknown) => error)
      const request = recorder.take()
      lines.push({
        case: name,
        ...(request ?? { refused: refused instanceof Error ? refused.message : String(refused) })
      })
    }
    writeFileSync(
      join(import.meta.dirname, "snapshots", `${sdk.name}.jsonl`),
      lines.map((line) => `${JSON.stringify(line)}\n`).join("")
    )
    process.stdout.write(`${sdk.name}: ${lines.length - 1} cases\n`)
  }
} finally {
  await recorder.close()
}
