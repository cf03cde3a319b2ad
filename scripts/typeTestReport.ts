/**
 * Writes the counts of the type tests where the gate reads them, as Vitest's JSON report does for the others.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import type { Reporter, ReporterEvent } from "tstyche/api"

export const directory = new URL("../node_modules/.cache/reports/", import.meta.url)

export default class TypeTestReport implements Reporter {
  on([event, payload]: ReporterEvent): void {
    if (event !== "run:end") return
    const { failed, passed } = payload.result.testCounts
    const broken = payload.result.fileCounts.failed > 0 && failed === 0 ? 1 : 0
    mkdirSync(directory, { recursive: true })
    writeFileSync(
      new URL("types.json", directory),
      JSON.stringify({ numPassedTests: passed, numFailedTests: failed + broken })
    )
  }
}
