/** The search of the built site: what a newcomer types leads to the page that has the answer. */
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, test } from "vitest"
import { launch, serve } from "./serve.ts"

let site: Awaited<ReturnType<typeof serve>>
let browser: Browser
let page: Page

beforeAll(async () => {
  site = await serve()
  browser = await launch()
  page = await browser.newPage()
  await page.goto(site.origin, { waitUntil: "networkidle" })
})

afterAll(async () => {
  await browser.close()
  site.close()
})

/** What is typed, and a page that has to be among the first five. */
const queries: ReadonlyArray<readonly [string, RegExp]> = [
  ["five minutes", /^\/start/u],
  ["retry post", /^\/(http|recipes|from-|reference\/http)/u],
  ["retry-after", /^\/(http|fallback|reference\/(http|core))/u],
  ["circuit breaker open", /^\/(core|fleet|reference\/core\/CircuitBreaker)/u],
  ["ollama", /^\/(llm|providers|reference\/llm\/Ollama)/u],
  ["timeouts", /^\/(http|reference\/http)/u],
  ["tenacity", /^\/from-tenacity/u],
  ["httpx", /^\/from-tenacity/u],
  ["cockatiel", /^\/from-cockatiel/u],
  ["litellm", /^\/(from-litellm|llm)/u],
  ["redis fleet", /^\/fleet/u],
  ["budget", /^\/(core|recipes|reference\/(core\/RetryBudget|llm\/Budgets))/u],
  ["testclock", /^\/testing-an-outage/u],
  ["grafana", /^\/observability/u],
  ["hedge", /^\/(core|llm|recipes|reference\/core\/Hedge)/u],
  ["bulkhead", /^\/(core|reference\/core\/Bulkhead)/u],
  ["rate limit", /^\/(core|fleet|recipes|reference\/core\/RateLimit)/u],
  ["simulate", /^\/(simulat|cli)/u],
  ["anthropic", /^\/(llm|providers|fallback|reference\/llm\/Anthropic)/u],
  ["proxy", /^\/(http|reference\/http)/u],
  ["gateway", /^\/gateway/u]
]

test("what a newcomer types leads to a page that has the answer", async () => {
  await page.keyboard.press("Control+k")
  const input = page.locator("#localsearch-input")
  await input.waitFor()
  const wrong: Array<string> = []
  for (const [query, expected] of queries) {
    await input.fill("")
    await page.locator(".result").first().waitFor({ state: "detached" })
    await input.fill(query)
    await page.locator(".result").first().waitFor()
    const found = await page.locator(".result").evaluateAll((results) =>
      results.slice(0, 5).map((result) => new URL((result as HTMLAnchorElement).href).pathname)
    )
    if (!found.some((path) => expected.test(path))) wrong.push(`${query}: ${found.join(", ")}`)
  }
  assert.deepStrictEqual(wrong, [])
})

test("Enter opens what was found", async () => {
  await page.goto(site.origin, { waitUntil: "networkidle" })
  await page.keyboard.press("Control+k")
  // The box is loaded when it is asked for. What is typed before it has the focus is lost.
  await page.locator("#localsearch-input:focus").waitFor()
  await page.keyboard.type("five minutes")
  // Until all is typed, the results are those of its beginning.
  await page.locator(".result").first().and(page.locator("[href^='/start']")).waitFor()
  await page.keyboard.press("Enter")
  await page.waitForURL((url) => url.pathname !== "/")
  assert.strictEqual(new URL(page.url()).pathname, "/start")
})
