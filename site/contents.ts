/** The table of contents: what the sidebar shows, and the file of the repository that each page is written in. */

interface Page {
  readonly text: string
  /** The path of the page, without `.html`. */
  readonly page: string
  /** The file that holds its text, from the root of the repository. */
  readonly file: string
}

interface Section {
  readonly text: string
  readonly pages: ReadonlyArray<Page>
}

export const contents: ReadonlyArray<Section> = [
  {
    text: "Begin",
    pages: [
      { text: "Start in five minutes", page: "start", file: "docs/start.md" },
      { text: "Recipes", page: "recipes", file: "docs/recipes.md" },
      { text: "Example programs", page: "examples", file: "examples/README.md" }
    ]
  },
  {
    text: "Guides",
    pages: [
      { text: "Policies for any effect", page: "core", file: "packages/core/README.md" },
      { text: "HTTP", page: "http", file: "packages/http/README.md" },
      { text: "Language models", page: "llm", file: "packages/llm/README.md" },
      { text: "The simulator", page: "simulator", file: "packages/simulator/README.md" },
      { text: "The command line", page: "cli", file: "packages/cli/README.md" },
      { text: "Test an outage", page: "testing-an-outage", file: "docs/testing-an-outage.md" },
      { text: "Simulate a system", page: "simulating-a-system", file: "docs/simulating-a-system.md" },
      { text: "Observability", page: "observability", file: "docs/observability.md" },
      { text: "Defaults, metrics and events", page: "defaults", file: "docs/core.md" },
      { text: "Run a fleet", page: "fleet", file: "docs/fleet.md" },
      { text: "Run a gateway", page: "gateway", file: "docs/gateway.md" },
      { text: "Providers", page: "providers", file: "docs/providers.md" },
      { text: "Add a provider", page: "adding-a-provider", file: "docs/adding-a-provider.md" }
    ]
  },
  {
    text: "How it works",
    pages: [
      { text: "How a call runs", page: "how-a-call-runs", file: "docs/how-a-call-runs.md" },
      { text: "How an answer comes", page: "how-an-answer-comes", file: "docs/how-an-answer-comes.md" },
      { text: "Which failure goes where", page: "fallback", file: "docs/fallback.md" },
      { text: "Transparency", page: "transparency", file: "docs/transparency.md" },
      { text: "Versions and support", page: "versioning", file: "docs/versioning.md" }
    ]
  },
  {
    text: "Come from",
    pages: [
      { text: "tenacity and httpx", page: "from-tenacity-and-httpx", file: "docs/from-tenacity-and-httpx.md" },
      { text: "Effect's own operators", page: "from-effect", file: "docs/from-effect.md" },
      {
        text: "cockatiel, opossum, p-retry",
        page: "from-cockatiel",
        file: "docs/from-cockatiel-opossum-and-p-retry.md"
      },
      { text: "got and ky", page: "from-got-and-ky", file: "docs/from-got-and-ky.md" },
      { text: "LiteLLM and the AI SDK", page: "from-litellm", file: "docs/from-litellm-and-the-ai-sdk.md" }
    ]
  }
]
