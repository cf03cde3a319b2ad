/**
 * Every page of the built site in a real Chromium: it loads without an error and without anything from elsewhere, says what it
 * is, is no wider than a phone, and breaks no rule of axe, dark at 360 pixels and light at 1280. Its links lead to pages and headings that
 * exist.
 */
import axe from "axe-core"
import { existsSync, globSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, test } from "vitest"
import { dist, launch, serve } from "./serve.ts"

const pages = globSync("**/*.html", { cwd: dist }).map((file) =>
  `/${file.replace(/(^|\/)index\.html$|\.html$/u, "$1")}`
).toSorted()

/** What a first visit may load, in bytes of JavaScript as it is sent, uncompressed. */
const budget = 400_000

let site: Awaited<ReturnType<typeof serve>>
let browser: Browser

beforeAll(async () => {
  site = await serve()
  browser = await launch()
})

afterAll(async () => {
  await browser.close()
  site.close()
})

/**
 * Drops the lines of code that hold no colour which was not seen before: a page of the reference has thousands of words in the same
 * six colours, and axe takes seconds to look at them. The longest line of a block stays, so that it is as wide as it was.
 */
const thinOut = () => {
  const seen = new Set<string>()
  for (const block of document.querySelectorAll(".shiki code")) {
    const lines = [...block.querySelectorAll(".line")]
    const longest = lines.reduce((most, { textContent }) => Math.max(most, textContent?.length ?? 0), 0)
    for (const line of lines) {
      const styles = [...line.querySelectorAll("span")].map((span) => span.getAttribute("style") ?? "")
      if (styles.every((style) => seen.has(style)) && (line.textContent?.length ?? 0) < longest) line.remove()
      for (const style of styles) seen.add(style)
    }
  }
}

/** Where axe looks: at all of a page, or at what is its own, without the navigation that every page has. */
type Where = "document" | "content"

const violations = async (page: Page, words: string, where: Where): Promise<ReadonlyArray<string>> => {
  const found = await page.evaluate(
    (selector) =>
      (globalThis as unknown as { readonly axe: typeof axe }).axe.run(document.querySelector(selector) ?? document, {
        resultTypes: ["violations"],
        preload: false
      }),
    where === "content" ? "#VPContent" : "html"
  )
  return found.violations.map(({ help, nodes }) =>
    `${words}: ${help}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")}`
  )
}

const narrow = { width: 360, height: 740 }
const wide = { width: 1280, height: 900 }
const turn = (page: Page, isDark: boolean) =>
  page.evaluate((isDark) => document.documentElement.classList.toggle("dark", isDark), isDark)

/** One page of each kind, which axe looks at in both colours at both sizes, with its navigation. */
const samples = new Set(["/", "/404", "/playground", "/start", "/http", "/how-a-call-runs", "/reference/core/Policy"])

/** Whether axe looks at a page of the reference narrow and dark, or wide and light: they are all written by one program. */
const isDark = (path: string): boolean => pages.indexOf(path) % 2 === 0

/** The faults of a page. Every guide is looked at narrow and dark, and wide and light; pages of the reference in turn. */
const faultsOf = async (page: Page, path: string): Promise<ReadonlyArray<string>> => {
  await page.setViewportSize(narrow)
  await page.goto(site.origin + path, { waitUntil: "load" })
  if (path === "/playground") await page.getByRole("region", { name: "Figures" }).waitFor()
  const { description, title, wideness } = await page.evaluate(() => ({
    wideness: document.documentElement.scrollWidth,
    title: document.title,
    description: document.querySelector("meta[name=description]")?.getAttribute("content") ?? ""
  }))
  const found = [
    ...(wideness > narrow.width ? [`${path} is ${wideness} pixels wide`] : []),
    ...(title === "" || title === "Holdfast" && path !== "/" ? [`${path} has no title of its own`] : []),
    ...(description === "" ? [`${path} has no description`] : [])
  ]
  const isSample = samples.has(path)
  await page.evaluate(thinOut)
  const look = async (size: typeof narrow, isDark: boolean, where: Where) => {
    await page.setViewportSize(size)
    await turn(page, isDark)
    found.push(...await violations(page, `${path}, ${isDark ? "dark" : "light"}, ${size.width} pixels`, where))
  }
  const isReference = path.startsWith("/reference/") && !isSample
  const where = isSample ? "document" : "content"
  if (!isReference || isDark(path)) await look(narrow, true, where)
  if (!isReference || !isDark(path)) await look(wide, false, where)
  if (isSample) {
    await look(narrow, false, "document")
    await look(wide, true, "document")
  }
  await turn(page, false)
  return found
}

// A hundred pages take a minute or two, and longer beside other work.
test("every page loads, fits a phone, says what it is, and breaks no rule of axe", { timeout: 600_000 }, async () => {
  const context = await browser.newContext({ reducedMotion: "reduce" })
  await context.addInitScript(axe.source)
  const faults: Array<string> = []
  const left = [...pages]
  const visit = async () => {
    const page = await context.newPage()
    page.on("pageerror", (error) => faults.push(`${page.url()}: ${error.message}`))
    page.on("console", (message) => message.type() === "error" && faults.push(`${page.url()}: ${message.text()}`))
    page.on(
      "request",
      (request) =>
        /^(http|ws)/u.test(request.url()) && !request.url().startsWith(site.origin) && faults.push(request.url())
    )
    for (let path = left.shift(); path !== undefined; path = left.shift()) faults.push(...await faultsOf(page, path))
  }
  await Promise.all([visit(), visit()])
  await context.close()
  assert.isAbove(pages.length, 100)
  assert.deepStrictEqual(faults, [])
})

/** The HTML of a page. */
const textOf = (path: string): string => {
  const file = ["", ".html", "index.html"].map((end) => join(dist, path + end)).find((file) =>
    file.endsWith(".html") && existsSync(file)
  )
  return readFileSync(file ?? "", "utf8")
}

test("every link leads to a page that exists, and to a heading of it", () => {
  const files = new Map(pages.map((path) => [path, textOf(path)] as const))
  const ids = new Map(
    Array.from(files, ([path, text]) => [path, new Set(text.matchAll(/ id="([^"]*)"/gu).map(([, id]) => id))])
  )
  const lost = Array.from(files).flatMap(([path, text]) =>
    Array.from(
      text.matchAll(/<a [^>]*href="([^"]*)"/gu),
      ([, href = ""]) => new URL(href.replaceAll("&amp;", "&"), `http://site${path}`)
    )
      .filter(({ hash, hostname, pathname }) =>
        hostname === "site" && !/\.[a-z]+$/u.test(pathname) &&
        (!ids.has(pathname) || (hash !== "" && !ids.get(pathname)?.has(decodeURIComponent(hash.slice(1)))))
      ).map(({ hash, pathname }) => `${path} links to ${pathname}${hash}`)
  )
  assert.deepStrictEqual(lost, [])
})

test("every page has a description of its own, and none is heavier than a picture", () => {
  const described = pages.filter((path) => path !== "/404").map((path) =>
    /<meta name="description" content="([^"]{20,})"/u.exec(textOf(path))?.[1] ?? `${path} has none`
  )
  const twice = described.filter((one, i) => described.indexOf(one) < i)
  assert.deepStrictEqual(twice.concat(described.filter((one) => one.endsWith(" has none"))), [])
  const heavy = globSync("assets/*.js", { cwd: dist }).filter((file) =>
    !file.includes("worker-") && statSync(join(dist, file)).size > 200_000
  )
  assert.deepStrictEqual(heavy, [])
})

test("a first visit loads little", async () => {
  const page = await browser.newPage()
  let bytes = 0
  page.on("response", async (response) => {
    if (response.url().endsWith(".js")) bytes += (await response.body()).length
  })
  await page.goto(site.origin, { waitUntil: "networkidle" })
  await page.close()
  assert.isBelow(bytes, budget)
})

test("an address without a page gets a page that says so and leads on", async () => {
  const page = await browser.newPage()
  const response = await page.goto(`${site.origin}/gone/for/good`)
  assert.strictEqual(response?.status(), 404)
  await page.getByRole("heading", { name: "Page not found" }).waitFor()
  await page.getByRole("link", { name: "Start in five minutes" }).click()
  await page.getByRole("heading", { level: 1, name: /Start in five minutes/u }).waitFor()
  await page.close()
})
