/** The tests on real model servers, which `scripts/realServers.ts` has set up: `npm run test:real`. */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    allowOnly: false,
    // One model server at a time: a small machine answers slowly, and slower where two share it.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    reporters: ["verbose"],
    include: ["packages/llm/test/real/*.real.ts", "packages/llm/test/ollama.integration.test.ts"]
  }
})
