import { existsSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { defineConfig } from "vitepress"
import { contents } from "../contents.ts"

const pages = join(dirname(import.meta.dirname), ".pages")

const modules = (folder: string, prefix = ""): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? modules(join(folder, entry.name), `${prefix}${entry.name}/`)
      : [`${prefix}${entry.name.replace(/\.md$/u, "")}`]
  )

const reference = ["core", "http", "llm", "simulator", "cli"].filter((name) =>
  existsSync(join(pages, "reference", name))
)

// Where the site is served from: `/` or, as a project's pages are, a folder.
const base = process.env["HOLDFAST_SITE_BASE"] ?? "/"

export default defineConfig({
  base,
  title: "Holdfast",
  description: "A resilience toolkit for Effect 4: policies, an HTTP client and a chain of language models.",
  lang: "en",
  srcDir: ".pages",
  outDir: "dist",
  cacheDir: "../node_modules/.cache/vitepress",
  cleanUrls: true,
  lastUpdated: false,
  head: [["link", { rel: "icon", type: "image/svg+xml", href: `${base}favicon.svg` }]],
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config: (md) => {
      const { fence } = md.renderer.rules
      md.renderer.rules.fence = (tokens, index, options, env, self) => {
        const token = tokens[index]
        return token?.info.trim() === "mermaid"
          ? `<Diagram source="${encodeURIComponent(token.content)}" />`
          : fence?.(tokens, index, options, env, self) ?? ""
      }
      // A corner of a table without a word is no heading of anything.
      md.core.ruler.push("corners", ({ tokens }) => {
        for (const [index, token] of tokens.entries()) {
          if (token.type !== "th_open" || tokens[index + 1]?.content !== "") continue
          for (const corner of [token, tokens[index + 2]]) if (corner !== undefined) corner.tag = "td"
        }
      })
    }
  },
  vite: {
    resolve: { conditions: ["module", "browser", "development|production"] },
    worker: { format: "es" },
    // The sources compile for a later language than the Vite of VitePress knows.
    esbuild: { tsconfigRaw: { compilerOptions: { target: "es2022" } } },
    build: { target: "es2022" }
  },
  themeConfig: {
    search: {
      provider: "local",
      options: {
        translations: { button: { buttonText: "Search", buttonAriaLabel: "Search Ctrl K" } },
        // The index holds words alone. Colours of code would take as long again as those of the pages.
        _render: (text, env, md) => {
          const { highlight } = md.options
          md.set({ highlight: null })
          try {
            return md.render(text, env)
          } finally {
            md.set({ highlight: highlight ?? null })
          }
        }
      }
    },
    outline: { level: [2, 3] },
    nav: [
      { text: "Guides", link: "/start" },
      { text: "Reference", link: "/reference/core/Policy" },
      { text: "Playground", link: "/playground" }
    ],
    sidebar: {
      "/reference/": reference.map((name) => ({
        text: `@holdfast/${name}`,
        items: modules(join(pages, "reference", name)).map((module) => ({
          text: module,
          link: `/reference/${name}/${module}`
        }))
      })),
      "/": contents.map(({ pages: listed, text }) => ({
        text,
        items: listed.map((one) => ({ text: one.text, link: `/${one.page}` }))
      }))
    }
  }
})
