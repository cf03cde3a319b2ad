import { availableParallelism } from "node:os"
import { join } from "node:path"
import { defineConfig } from "vitest/config"
import { docExamples } from "./vitest.docs.ts"
import { lawsTried } from "./vitest.laws.ts"
import { Interleaved } from "./vitest.order.ts"
import { serversMissing, withoutServer } from "./vitest.servers.ts"

// Long enough for a busy machine: no test waits by guessing, so only one that hangs gets here.
const patience = { testTimeout: 30_000, hookTimeout: 30_000 }

/** What the tests of a file have shown is searched for their secrets. */
const searched = { setupFiles: [join(import.meta.dirname, "vitest.secrets.ts")] }

/**
 * Tests that take more than a second: laws over thousands of cases, every byte of every answer, and whole processes. `npm run
 * test:long` runs these alone, so that `npm test` stays under three minutes on two cores.
 */
const long = [
  "packages/*/test/**/*laws*.test.ts",
  "packages/core/test/composition/{crowd,transparency}.test.ts",
  "packages/core/test/outage.test.ts",
  "packages/http/test/ResumableDownload.test.ts",
  "packages/http/test/contract/contract.test.ts",
  "packages/http/test/dispatcher/dispatcher.{agent,apis}.test.ts",
  "packages/llm/test/faults.test.ts",
  "packages/llm/test/protocol/answer/webBody.test.ts",
  "packages/llm/test/protocol/authorship.test.ts",
  "packages/llm/test/corpus/**/*.test.ts",
  "packages/llm/test/requests/*.test.ts",
  "packages/cli/test/doctor/*.test.ts",
  "packages/cli/test/{Simulation,systems}.test.ts",
  "packages/simulator/test/{model,queues,closedForms,published}.test.ts",
  "packages/simulator/test/{chain,endpoint}/*.test.ts"
]

/** Those of them that wait for servers, processes and browsers, or fake timers: each in a process of its own. */
const longAlone = [
  "packages/core/test/isolation/{laws.isolation,workerd}.test.ts",
  "packages/http/test/{defects,load}.test.ts",
  "packages/http/test/undici/{decoding,givingUp,interim,misbehaving,misbehaving.connections,secrets,sockets}.test.ts",
  "packages/*/test/servers/redis-server.{fleet,moves}.test.ts",
  "packages/llm/test/ledger/faces.test.ts",
  "packages/llm/test/runtimes/*.test.ts",
  "packages/*/test/servers/postgresql*.test.ts",
  "packages/cli/test/process/*.test.ts",
  "packages/simulator/test/real/*.test.ts",
  "packages/simulator/test/runtimes/*.test.ts",
  "examples/Outage.test.ts"
]

/** A worker more than there are cores, since one of the long files always waits. Other numbers of workers need other groups. */
const oneMore = { maxWorkers: availableParallelism() + 1, sequence: { groupOrder: 1 }, testTimeout: 120_000 }

/** What looks at its whole process, or changes it: functions that V8 counts, metrics of all clients, faked timers, connections. */
const alone = [
  "packages/*/test/**/walk.test.ts",
  "packages/core/test/{fiber/alarm,composition/interruption}.test.ts",
  "packages/core/test/isolation/*.test.ts",
  "packages/http/test/{call/{fetchFailures,telemetry},client/secrets,undici/pool}.test.ts",
  "packages/http/test/telemetry/*.test.ts",
  "packages/http/test/servers/prometheus.test.ts"
]

export default defineConfig({
  test: {
    allowOnly: false,
    // Vitest leaves a core free, which is half of a small machine. Many tests wait for sockets and processes anyway.
    maxWorkers: "100%",
    // What a passing test logs is of no interest; what a failing one logs is printed.
    silent: "passed-only",
    sequence: { sequencer: Interleaved },
    reporters: ["default", lawsTried(), serversMissing(), ...(process.env["CI"] === undefined ? [] : ["json"])],
    outputFile: { json: "node_modules/.cache/reports/vitest.json" },
    projects: [
      {
        test: {
          ...patience,
          ...searched,
          name: "unit",
          // Starting a process for each of three hundred files takes as long as running their tests.
          isolate: false,
          include: ["packages/*/test/**/*.test.ts", "examples/*.test.ts"],
          exclude: [...withoutServer, ...long, ...longAlone, ...alone]
        }
      },
      {
        test: {
          ...patience,
          ...searched,
          name: "alone",
          include: alone,
          exclude: [...withoutServer, ...long, ...longAlone]
        }
      },
      {
        test: {
          ...patience,
          ...searched,
          ...oneMore,
          name: "long",
          isolate: false,
          include: long,
          exclude: [...withoutServer, ...longAlone]
        }
      },
      {
        test: { ...patience, ...searched, ...oneMore, name: "long-alone", include: longAlone, exclude: withoutServer }
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
