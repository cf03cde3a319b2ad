/**
 * Writes the pages of the site to `site/.pages`: each file of the table of contents, with its links turned into links
 * between pages, and the reference of every public module. A link to a file that is no page leads to the repository, if its
 * address is known (`HOLDFAST_REPOSITORY`), and is plain text otherwise.
 */
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { contents } from "./contents.ts"
import { references } from "./reference.ts"

const root = dirname(import.meta.dirname)
const pages = join(import.meta.dirname, ".pages")
const repository = process.env["HOLDFAST_REPOSITORY"]?.replace(/\/$/u, "")

/** A page by the file it is written in. The folder of a README means the README. */
const pageOf = new Map(
  contents.flatMap((section) =>
    section.pages.flatMap(({ file, page }) => [[file, page], [dirname(file), page]] as const).filter(([file]) =>
      file.endsWith(".md") || existsSync(join(root, file, "README.md"))
    )
  )
)

const images = new Set<string>()

/** A link of a file, as the site has it: `undefined` where it leads nowhere. */
const linked = (file: string, target: string): string | undefined => {
  if (/^([a-z]+:|#|\/)/u.test(target)) return target
  const [path = "", hash] = target.split("#")
  const source = normalize(join(dirname(file), path)).replace(/\/$/u, "")
  if (!existsSync(join(root, source))) throw new Error(`${file} links to ${target}, which does not exist`)
  const page = pageOf.get(source)
  const module = /^packages\/([a-z]+)\/src\/([\w/]+)\.ts$/u.exec(source)
  const to = page !== undefined
    ? `/${page}`
    : module !== null && references.has(`${module[1]}/${module[2]}`)
    ? `/reference/${module[1]}/${module[2]}`
    : repository === undefined
    ? undefined
    : `${repository}/blob/main/${source}`
  return to === undefined ? undefined : hash === undefined ? to : `${to}#${hash}`
}

/** A file's Markdown as a page. Code is left as it is. */
const page = (file: string): string =>
  readFileSync(join(root, file), "utf8").split(/(^```[^]*?^```$)/mu).map((part, index) =>
    index % 2 === 1
      ? part.replace(/^```ts import\.meta\.vitest/u, "```ts")
      : part
        .replaceAll(/!\[([^\]]*)\]\(([^)\s]+)\)/gu, (_, text: string, target: string) => {
          images.add(normalize(join(dirname(file), target)))
          return `![${text}](/${basename(target)})`
        })
        .replaceAll(/(?<!!)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/gu, (whole, text: string, target: string) => {
          if (target.startsWith("/") && whole.startsWith("!")) return whole
          const to = linked(file, target)
          return to === undefined ? text : `[${text}](${to})`
        })
  ).join("")

/** The first sentences of a page as its description, which search engines show: up to 160 characters. */
const description = (text: string): string => {
  const paragraph =
    text.replaceAll(/^```[^]*?^```$/gmu, "").split(/\n\s*\n/u).find((one) =>
      !/^\s*([#|<>*-]|`import )/u.test(one) && one.trim() !== ""
    ) ?? ""
  const plain = paragraph.replaceAll(/\[([^\]]*)\]\([^)]*\)/gu, "$1").replaceAll(/[`*]/gu, "").replaceAll("&lt;", "<")
    .replaceAll("&#123;", "{").replaceAll(/\s+/gu, " ").trim()
  return plain.length <= 160 ? plain : `${plain.slice(0, 157).replace(/\s\S*$/u, "")}...`
}

const described = (text: string): string => `---\ndescription: ${JSON.stringify(description(text))}\n---\n\n${text}`

const write = (name: string, text: string) => {
  const file = join(pages, `${name}.md`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

rmSync(pages, { recursive: true, force: true })
for (const { pages: listed } of contents) for (const { file, page: name } of listed) write(name, described(page(file)))
for (const [name, text] of references) write(`reference/${name}`, described(text))
for (const file of globSync("*.md", { cwd: join(import.meta.dirname, "pages") })) {
  write(basename(file, ".md"), readFileSync(join(import.meta.dirname, "pages", file), "utf8"))
}
cpSync(join(import.meta.dirname, "pages/public"), join(pages, "public"), { recursive: true })
cpSync(dirname(fileURLToPath(import.meta.resolve("mermaid/dist/mermaid.esm.min.mjs"))), join(pages, "public/mermaid"), {
  recursive: true,
  filter: (file) => /\/dist$|\/chunks$|\/mermaid\.esm\.min(\.mjs$|$|\/[^/]*\.mjs$)/u.test(file)
})
for (const file of images) copyFileSync(join(root, file), join(pages, "public", basename(file)))
