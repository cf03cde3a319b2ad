import { defineConfig } from "vitest/config"
import { docExamples } from "./vitest.docs.ts"
import { lawsTried } from "./vitest.laws.ts"
import { serversMissing, withoutServer } from "./vitest.servers.ts"

// Long enough for a busy machine: no test waits by guessing, so only one that hangs gets here.
const patience = { testTimeout: 30_000, hookTimeout: 30_000 }

export default defineConfig({
  test: {
    allowOnly: false,
    // Vitest leaves a core free, which is half of a small machine. Many tests wait for sockets and processes anyway.
    maxWorkers: "100%",
    // What a passing test logs is of no interest; what a failing one logs is printed.
    silent: "passed-only",
    reporters: ["default", lawsTried(), serversMissing(), ...(process.env["CI"] === undefined ? [] : ["json"])],
    outputFile: { json: "node_modules/.cache/reports/vitest.json" },
    projects: [
      {
        test: {
          ...patience,
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "examples/*.test.ts"],
          exclude: withoutServer
        }
      },
      {
        plugins: [docExamples()],
        test: {
          ...patience,
          name: "docs",
          // Examples import the whole of Effect, which is worth loading once.
          isolate: false,
          include: [],
          includeSource: ["packages/*/src/**/*.ts", "README.md", "docs/**/*.md", "packages/*/README.md"]
        }
      }
    ]
  }
})
