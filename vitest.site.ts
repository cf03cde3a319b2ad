import { defineConfig } from "vitest/config"

/** The tests of the site: its pages in a browser, and the board in a Prometheus. `npm run test:site` builds the site first. */
export default defineConfig({
  test: {
    name: "site",
    include: ["site/test/*.test.ts"],
    // Every page in a browser, on a machine that does other work too.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // The pages and the playground take the longest, each in a browser of its own.
    maxWorkers: 2,
    reporters: ["default", ...(process.env["CI"] === undefined ? [] : ["json"])],
    outputFile: { json: "node_modules/.cache/reports/vitest.json" }
  }
})
