import { defineConfig, type OxlintOverride } from "oxlint"

const packages = ["core", "http", "llm", "simulator", "cli"]

const relative = {
  regex: `^(\\.\\./)+(packages/)?(${packages.join("|")})/`,
  message: "Import another package by its name: a relative path goes around its exports."
}
const barrel = {
  regex: `^(effect|@holdfast/[a-z]+|(\\.\\.?/)+(src/)?index\\.ts)$`,
  message: "Import the module itself (\"effect/Effect\", \"@holdfast/core/Policy\", \"./Policy.ts\"), not the barrel."
}

/** `core <- http <- llm <- simulator <- cli`: a package may import those before it in the list, in tests too. */
const direction = packages.slice(0, -1).map((name, index): OxlintOverride => ({
  files: [`packages/${name}/**`],
  rules: {
    "no-restricted-imports": ["error", {
      patterns: [relative, barrel, {
        regex: `^@holdfast/(${packages.slice(index + 1).join("|")})(/|$)`,
        message: "Dependencies point one way: core <- http <- llm <- simulator <- cli."
      }]
    }]
  }
}))

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "vitest"],
  categories: { correctness: "error", suspicious: "error", perf: "error" },
  rules: {
    // Types too: a file that imports in a circle is read in a circle.
    "import/no-cycle": ["error", { ignoreTypes: false }],
    "typescript/ban-ts-comment": "error",
    "typescript/no-explicit-any": "error",
    "vitest/expect-expect": ["error", {
      assertFunctionNames: [
        "expect",
        "Simulation.expect",
        "assert*",
        "strictEqual",
        "deepStrictEqual",
        "notDeepStrictEqual",
        "throws*",
        "doesNotThrow"
      ]
    }],
    // The compiler knows a string when it sees one.
    "vitest/valid-title": ["error", { ignoreTypeOfTestName: true }],
    "vitest/no-disabled-tests": "error",
    "vitest/no-focused-tests": "error",
    "no-warning-comments": "error",
    "no-restricted-imports": ["error", { patterns: [relative, barrel] }],
    // `_tag` is how Effect tells variants apart.
    "no-underscore-dangle": "off",
    // A layer and its config twin, or the two forms of a dual, name their arguments alike on purpose.
    "no-shadow": "off",
    // A function stands beside its only use.
    "unicorn/consistent-function-scoping": "off",
    // `OpenAI.APIError` is how the vendor's own documentation writes it.
    "import/no-named-as-default-member": "off"
  },
  overrides: [
    ...direction,
    {
      files: ["packages/{core,http,llm,simulator}/src/**"],
      rules: {
        "no-console": "error",
        "no-restricted-properties": [
          "error",
          { object: "Date", property: "now", message: "Time comes from Clock." },
          { object: "Math", property: "random", message: "Chance comes from Random." },
          { object: "process", property: "env", message: "Settings come from Config." }
        ]
      }
    },
    {
      // The index on Node is the index, and more.
      files: ["packages/*/src/index.node.ts"],
      rules: { "no-restricted-imports": ["error", { patterns: [relative] }] }
    },
    {
      // A browser shows one page after the other. What the board shows is imported as a program imports it.
      files: ["site/**"],
      rules: {
        "no-await-in-loop": "off",
        "no-restricted-imports": ["error", { patterns: [relative] }],
        // A worker has no origin.
        "unicorn/require-post-message-target-origin": "off",
        // A style sheet has no name.
        "import/no-unassigned-import": ["error", { allow: ["**/*.css"] }]
      }
    },
    {
      // The corpus of vendors' answers is data, on which the programs over the chain are tried too.
      files: ["packages/cli/test/doctor/**"],
      rules: { "no-restricted-imports": ["error", { patterns: [barrel] }] }
    },
    {
      // The defaults that its tables show are no part of the public API.
      files: ["scripts/{coreTables,defaults,httpTables}.ts"],
      rules: { "no-restricted-imports": ["error", { patterns: [barrel] }] }
    },
    {
      // A terminal is driven by control characters.
      files: ["packages/cli/**"],
      rules: { "no-control-regex": "off" }
    },
    {
      // Examples are written as a user of the packages writes.
      files: ["examples/**"],
      rules: { "no-restricted-imports": ["error", { patterns: [relative] }] }
    },
    {
      files: ["packages/*/{test,typetest,benchmark}/**", "examples/**", "scripts/**"],
      rules: {
        // The steps of a test or a job follow each other.
        "no-await-in-loop": "off",
        "no-restricted-properties": [
          "error",
          ...["skip", "skipIf", "runIf", "todo"].map((property) => ({
            property,
            message: "Every test runs, and passes."
          }))
        ]
      }
    }
  ],
  ignorePatterns: ["**/node_modules/**", "**/dist/**"]
})
