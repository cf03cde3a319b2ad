/**
 * The built site in a real Chromium: every page loads without an error and without anything from elsewhere, is no wider than a
 * phone, and passes the rules of axe for accessibility, in light and in dark.
 */
import axe from "axe-core"
import { once } from "node:events"
import { createReadStream, existsSync, globSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join } from "node:path"
import { type Browser, chromium } from "playwright-core"
import { afterAll, assert, beforeAll, describe, test } from "vitest"
import { locate } from "../../vitest.servers.ts"

const dist = join(import.meta.dirname, "../dist")
const pages = globSync("**/*.html", { cwd: dist }).map((file) =>
  `/${file.replace(/(^|\/)index\.html$|\.html$/u, "$1")}`
)
  .filter((path) => path !== "/404").toSorted()

/** One page of each kind: the rules of axe take seconds. */
const samples = [
  "/",
  "/playground",
  "/start",
  "/http",
  "/fallback",
  "/how-an-answer-comes",
  "/simulating-a-system",
  "/reference/core/Policy",
  "/reference/simulator/System"
]

/** What a first visit may load, in bytes of JavaScript as it is sent, uncompressed. */
const budget = 400_000

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2"
}

let server: Server
let browser: Browser
let origin: string

beforeAll(async () => {
  const executablePath = locate("chromium")
  assert(executablePath !== undefined, "chromium is not installed: apt-get install chromium")
  assert(pages.length > 0, "the site is not built: npm run site:build")
  server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://site").pathname
    const file = [path, `${path}.html`, `${path}index.html`].map((one) => join(dist, one)).find((one) =>
      existsSync(one) && extname(one) !== ""
    )
    if (file === undefined) {
      response.writeHead(404).end()
      return
    }
    response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream")
    createReadStream(file).pipe(response)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] })
})

afterAll(async () => {
  await browser.close()
  server.close()
})

describe("the site", () => {
  test("every page loads without an error, asks nobody else, and fits a phone", async () => {
    const context = await browser.newContext({ viewport: { width: 360, height: 740 } })
    const page = await context.newPage()
    const faults: Array<string> = []
    page.on("pageerror", (error) => faults.push(`${page.url()}: ${error.message}`))
    page.on("console", (message) => message.type() === "error" && faults.push(`${page.url()}: ${message.text()}`))
    page.on(
      "request",
      (request) => request.url().startsWith("http") && !request.url().startsWith(origin) && faults.push(request.url())
    )
    for (const path of pages) {
      await page.goto(origin + path, { waitUntil: "load" })
      const [wide, title] = await page.evaluate(() => [document.documentElement.scrollWidth, document.title] as const)
      if (wide > 360) faults.push(`${path} is ${wide} pixels wide`)
      if (title === "") faults.push(`${path} has no title`)
    }
    await context.close()
    assert.deepStrictEqual(faults, [])
  })

  for (const colorScheme of ["light", "dark"] as const) {
    test(`is accessible by the rules of axe, in ${colorScheme}`, async () => {
      const context = await browser.newContext({
        colorScheme,
        reducedMotion: "reduce",
        viewport: { width: 1280, height: 900 }
      })
      const page = await context.newPage()
      const violations: Array<string> = []
      for (const path of samples) {
        await page.goto(origin + path, { waitUntil: "networkidle" })
        await page.evaluate(axe.source)
        const found = await page.evaluate(() =>
          (globalThis as unknown as { readonly axe: typeof axe }).axe.run({
            runOnly: ["wcag2a", "wcag2aa", "wcag21aa"]
          })
        )
        violations.push(
          ...found.violations.map(({ help, nodes }) =>
            `${path}: ${help}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")}`
          )
        )
      }
      await context.close()
      assert.deepStrictEqual(violations, [])
    })
  }

  test("a first visit loads little", async () => {
    const page = await browser.newPage()
    let bytes = 0
    page.on("response", async (response) => {
      if (response.url().endsWith(".js")) bytes += (await response.body()).length
    })
    await page.goto(origin, { waitUntil: "networkidle" })
    await page.close()
    assert.isBelow(bytes, budget)
  })

  test("the search finds a page by the keyboard", async () => {
    const page = await browser.newPage()
    await page.goto(origin, { waitUntil: "networkidle" })
    await page.keyboard.press("Control+k")
    // The box is loaded when it is asked for. What is typed before it has the focus is lost.
    await page.locator("#localsearch-input:focus").waitFor()
    await page.keyboard.type("five minutes")
    await page.locator(".result").first().waitFor()
    await page.keyboard.press("Enter")
    await page.waitForURL((url) => url.pathname !== "/")
    assert.strictEqual(new URL(page.url()).pathname, "/start")
    await page.close()
  })

  test("the playground simulates, shows what a slider does, names a fault, and keeps all of it in its link", async () => {
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } })
    // A simulation of an overload takes its time.
    page.setDefaultTimeout(120_000)
    await page.goto(`${origin}/playground`)
    const success = page.locator("tbody tr").first()
    await page.getByLabel("Speed").selectOption("as fast as possible")
    await page.getByLabel("Start from").selectOption("Three tiers of retries")
    await page.getByText("The system does not recover.").waitFor()
    // A budget of a tenth, set by the keyboard.
    await page.getByLabel(/^Retry budget/u).focus()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("ArrowLeft")
    await page.getByText(/The system recovers .* after the last event/u).waitFor()
    const words = await success.innerText()

    const again = await browser.newPage()
    again.setDefaultTimeout(120_000)
    await again.goto(page.url())
    await again.getByLabel("Speed").selectOption("as fast as possible")
    await again.getByText(/The system recovers .* after the last event/u).waitFor()
    assert.strictEqual(await again.locator("tbody tr").first().innerText(), words)

    await page.getByLabel("The system, as YAML").fill("services: { stock: { workers: 0, latncy: 3 } }")
    await page.getByText("latncy").waitFor()
    assert.isAtMost(await page.evaluate(() => document.documentElement.scrollWidth), 360)
    await page.close()
    await again.close()
  })

  test("the playground has the bill of language models, and draws while it simulates at 100 times real time", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(120_000)
    await page.goto(`${origin}/playground`)
    await page.getByLabel("Start from").selectOption("Cloud and Ollama")
    await page.getByRole("region", { name: "Models" }).waitFor()
    const drawn = await page.evaluate(async () => {
      const progress = document.querySelector("#progress")
      let [frames, changes, value] = [0, 0, progress?.getAttribute("value")]
      const until = performance.now() + 3_000
      while (performance.now() < until) {
        await new Promise(requestAnimationFrame)
        frames++
        const now = document.querySelector("#progress")?.getAttribute("value")
        if (now !== value) changes++
        value = now
      }
      return { frames: frames / 3, changes: changes / 3 }
    })
    // How many there are depends on the machine. What is held is that the page goes on drawing.
    console.log(
      `the playground draws ${drawn.frames.toFixed(0)} frames a second, ${drawn.changes.toFixed(0)} with news`
    )
    assert.isAbove(drawn.changes, 1)
    await page.getByLabel("Speed").selectOption("as fast as possible")
    await page.getByText(/The system recovers .* after the last event/u).waitFor()
    const [first = "", , ollama = ""] = await page.getByRole("region", { name: "Models" }).locator("tbody tr")
      .allInnerTexts()
    assert.match(first, /^first\t\d{3,}\t\d{3,}\t\d+\t\d+\t0\.\d\d$/u)
    assert.match(ollama, /^ollama\t.*\t0\.00$/u)
    await page.close()
  })
})
