import { defineConfig } from "vitest/config"
import { docExamples } from "./vitest.docs.ts"

export default defineConfig({
  test: {
    silent: "passed-only",
    projects: [
      { test: { name: "unit", include: ["packages/*/test/**/*.test.ts"] } },
      {
        plugins: [docExamples()],
        test: { name: "docs", include: [], includeSource: ["packages/*/src/**/*.ts", "README.md", "docs/**/*.md"] }
      }
    ]
  }
})
