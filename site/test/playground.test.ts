/** The playground in a real Chromium: what it shows, and that no visitor, file or link breaks it. */
import type { Browser, Page } from "playwright-core"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, test } from "vitest"
import { encode, type State } from "../playground/link.ts"
import { untouched } from "../playground/sliders.ts"
import { starts } from "../playground/starts.ts"
import { launch, serve } from "./serve.ts"

let site: Awaited<ReturnType<typeof serve>>
let browser: Browser
let page: Page
/** What no test may see: an exception, a line in the console, a request after the page has loaded. */
let faults: Array<string>

beforeAll(async () => {
  site = await serve()
  browser = await launch()
})

afterAll(async () => {
  await browser.close()
  site.close()
})

const small = `duration: 1 minute
services:
  stock: { workers: 4, latency: 50 millis }
callers:
  users: { to: stock, rate: 10, policy: { retry: { times: 2 } } }
events:
  - { type: outage, service: stock, at: 20 seconds, for: 10 seconds }
`

/** Three tiers, as among the systems to start from, with fewer calls: a storm of retries is much to compute. */
const storm = (starts.find(({ name }) => name === "Three tiers of retries")?.text ?? "").replace(
  "rate: 140",
  "rate: 42"
)
  .replace("workers: 10", "workers: 3").replace("at: 1 minute", "at: 20 seconds").replace("3 minutes", "80 seconds")

/** A provider's outage and quota, as among the systems to start from, in six minutes. */
const models = (starts.find(({ name }) => name === "Cloud and Ollama")?.text ?? "").replace("20 minutes", "6 minutes")
  .replace("at: 5 minutes, for: 5 minutes", "at: 1 minute, for: 1 minute").replace("at: 14 minutes", "at: 4 minutes")

const link = (state: Partial<State> = {}) =>
  `${site.origin}/playground#${encode({ text: small, seed: 1, sliders: untouched, ...state })}`

const watched = async (options: Parameters<Browser["newPage"]>[0] = {}): Promise<Page> => {
  const opened = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options })
  opened.setDefaultTimeout(60_000)
  opened.on("pageerror", (error) => faults.push(error.message))
  opened.on(
    "console",
    (message) =>
      message.type() === "error" && !message.location().url.endsWith("/favicon.svg") && faults.push(message.text())
  )
  return opened
}

beforeEach(async () => {
  faults = []
  page = await watched()
})

afterEach(async () => {
  await page.close()
  assert.deepStrictEqual(faults, [])
})

const fastest = (of: Page = page) => of.getByLabel("Speed").selectOption("as fast as possible")
const over = (of: Page = page) => of.getByText(/The system (recovers|does not recover)/u).waitFor()
const fault = (of: Page = page) => of.locator("#fault")
const figures = (of: Page = page) => of.getByRole("region", { name: "Figures" }).locator("tbody").innerText()
const fill = (text: string) => page.getByLabel("The system, as YAML").fill(text)
const width = () => page.evaluate(() => document.documentElement.scrollWidth)

describe("what it shows", () => {
  test("a slider moved by the keyboard changes the outcome, and a link to it shows the same", async () => {
    await page.goto(link({ text: storm }))
    await fastest()
    await page.getByText("The system does not recover.").waitFor()
    const budget = page.getByLabel(/^Retry budget/u)
    await budget.focus()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("ArrowLeft")
    assert.strictEqual(await budget.getAttribute("aria-valuetext"), "10 %")
    await page.getByText(/The system recovers .* after the last event/u).waitFor()
    const again = await watched()
    await again.goto(page.url())
    await fastest(again)
    await over(again)
    assert.strictEqual(await figures(again), await figures())
    await again.close()
  })

  test("language models have a bill, limits and an outage to change", async () => {
    await page.goto(link({ text: models }))
    await fastest()
    await over()
    const rows = () => page.getByRole("region", { name: "Models" }).locator("tbody tr").allInnerTexts()
    /** The requests at the second vendor, once the run that a slider began has brought them past a bound. */
    const reaches = (isPast: string, bound: number) =>
      page.waitForFunction(([isPast, bound]) => {
        const row = [...document.querySelectorAll("[aria-label=Models] tbody tr")].find((row) =>
          row.querySelector("th")?.textContent === "second"
        )
        const count = Number(row?.querySelector("td")?.textContent)
        const isOver = document.querySelector(".results")?.textContent?.includes("360 of 360 seconds")
        return isOver === true && (isPast === "below" ? count < Number(bound) : count > Number(bound))
      }, [isPast, bound] as const)
    const [first = "", second = ""] = await rows()
    assert.match(
      await page.locator("#skipped + ul").innerText(),
      /assistant to first: .*passed by \d+ times because it was cooling/u
    )
    assert.match(first, /^first\t\d{3,}\t\d{3,}\t\d+\t\d+\t0\.\d\d$/u)
    for (
      const label of ["Requests in the quota of first", "Limit of second, tokens a minute", "Hedge of assistant after"]
    ) {
      await page.getByLabel(label).waitFor()
    }
    for (const event of ["outage", "quota"]) {
      await page.getByLabel(`Length of the ${event} of first`).focus()
      await page.keyboard.press("Home")
    }
    const during = Number(second.split("\t")[1])
    await reaches("below", during)
    // All to the second vendor, which costs more.
    await page.getByLabel("Weight of first").focus()
    await page.keyboard.press("Home")
    await page.getByLabel("Weight of second").focus()
    await page.keyboard.press("End")
    await reaches("above", during)
  })

  test("every system to start from runs", async () => {
    await page.goto(`${site.origin}/playground`)
    for (const { about, name } of starts) {
      await page.getByLabel("Start from").selectOption(name)
      await page.getByText(about).waitFor()
      await page.getByText(/^[5-9] of \d+ seconds$|^[1-9]\d+ of \d+ seconds$/u).waitFor()
      assert.strictEqual(await fault().innerText(), "", name)
    }
  })

  test("it pauses, steps by a slot, resumes and stops", async () => {
    await page.goto(link())
    await page.getByLabel("Speed").selectOption("10 times faster")
    await page.getByText(/^[1-9]\d* of 60 seconds$/u).waitFor()
    await page.getByRole("button", { name: "Pause" }).click()
    const label = page.getByText(/of 60 seconds, paused$/u)
    const before = Number.parseInt(await label.innerText())
    await page.getByRole("button", { name: "Step" }).click()
    await page.getByText(new RegExp(`^${before + 1} of 60 seconds, paused$`, "u")).waitFor()
    await page.getByRole("button", { name: "Resume" }).click()
    await fastest()
    await over()
    assert.isTrue(await page.getByRole("button", { name: "Stop" }).isDisabled())
    await page.getByLabel("Speed").selectOption("as in life")
    await page.getByRole("button", { name: "Run", exact: true }).click()
    await page.getByRole("button", { name: "Stop", disabled: false }).click()
    await page.getByRole("button", { name: "Stop", disabled: true }).waitFor()
  })

  test("a plot has a picture, a sentence and a table", async () => {
    await page.goto(link())
    await fastest()
    await over()
    const plot = page.getByRole("img", { name: /^Requests that reach a service/u })
    assert.match(await plot.getAttribute("aria-label") ?? "", /stock now \d+, at most \d+/u)
    const coloured = await plot.evaluate((canvas: HTMLCanvasElement) =>
      canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte !== 0)
    )
    assert.isTrue(coloured)
    await page.getByText("Values of requests that reach a service").click()
    const table = page.getByRole("region", { name: "Requests that reach a service, as a table" })
    await table.locator("tbody tr").nth(11).waitFor()
    assert.strictEqual(await table.locator("tbody tr").count(), 12)
  })
})

describe("whatever is typed", () => {
  const cases: ReadonlyArray<readonly [string, string, RegExp]> = [
    ["broken YAML is named with its line", "services:\n  stock: {", /line [23]/u],
    ["an unknown key is named with its path", small.replace("workers", "workrs"), /workrs/u],
    ["an unknown key of a policy is named", small.replace("times: 2", "tims: 2"), /tims/u],
    ["nothing", "", /./u],
    ["a list", "- 1\n- 2\n", /./u],
    ["a number that is none", small.replace("rate: 10", "rate: .nan"), /rate/u],
    ["no load", small.replace("rate: 10", "rate: 0"), /rate.*above 0/su],
    ["endless load", small.replace("rate: 10", "rate: .inf"), /rate/u],
    [
      "aliases that grow",
      `a: &a [1,1,1,1,1,1,1,1,1]\n${
        Array.from({ length: 9 }, (_, i) => `b${i}: &b${i} [${Array(9).fill(i === 0 ? "*a" : `*b${i - 1}`).join(",")}]`)
          .join("\n")
      }\n`,
      /./u
    ],
    ["a prototype", `${small}__proto__: { polluted: 1 }\n`, /__proto__/u],
    ["words of HTML", small.replace("stock:", "\"<img src=x onerror=alert(1)>\":"), /<img src=x onerror=alert\(1\)>/u]
  ]
  test("a fault is named, and the next valid system runs", async () => {
    await page.goto(link())
    await fastest()
    for (const [what, text, message] of cases) {
      await fill(text)
      await page.locator("#fault:not(:empty)").waitFor()
      assert.match(await fault().innerText(), message, what)
      await fill(small)
      await page.locator("#fault:empty").waitFor({ state: "attached" })
    }
    await over()
  })

  test("a huge file is read, and a page of lines is no wider", async () => {
    await page.setViewportSize({ width: 320, height: 640 })
    const services = Array.from({ length: 500 }, (_, i) => `  service${i}: { latency: 10 millis }`).join("\n")
    await page.goto(link())
    await fill(small.replace("services:", `services:\n${services}`))
    await page.locator("figcaption", { hasText: "Requests that reach a service (8 of 501)" }).waitFor()
    assert.isAtMost(await width(), 320)
    await fill(`services: {\n${"x".repeat(500_000)}`)
    await page.locator("#fault:not(:empty)").waitFor()
    assert.isAtMost(await width(), 320)
  })

  test("a load that no browser can hold ends with advice, and stops at once when asked to", async () => {
    await page.goto(
      link({
        text: small.replace("rate: 10", "rate: 1000000000").replace("workers: 4, ", "").replace(
          "50 millis",
          "10 minutes"
        )
      })
    )
    await fastest()
    await page.getByText(/calls are in flight/u).waitFor()
    await fill(small)
    await over()
    assert.strictEqual(await fault().innerText(), "")
  })

  test("seeds that are no numbers become 1", async () => {
    await page.goto(link())
    const seed = page.getByLabel("Seed")
    for (const [given, taken] of [["7", "7"], ["1e300", "1"], ["", "1"], ["-3", "-3"], ["1.5", "1"]] as const) {
      await seed.fill(given)
      await seed.blur()
      assert.strictEqual(await seed.inputValue(), taken)
    }
    assert.strictEqual(await fault().innerText(), "")
  })
})

describe("whatever the link", () => {
  test("a broken or hostile one does no harm", async () => {
    const hostile = "<script>window.harmed=1</script><img src=x onerror=window.harmed=1>"
    const raw = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
    const fragments = [
      "x",
      "%E0%A4%A",
      "bnVsbA",
      raw(null),
      raw([]),
      raw({ text: 1 }),
      raw({ text: hostile, seed: hostile, sliders: hostile }),
      raw({ text: `services: { "${hostile}": { latency: 1 } }\ncallers: { a: { to: "${hostile}", rate: 1 } }` }),
      raw({
        text: small,
        seed: 1e300,
        sliders: { load: 1e9, budget: -5, retries: 1e9, "__proto__.x": 1, "constructor": 3 }
      })
    ]
    for (const fragment of fragments) {
      await page.goto("about:blank")
      await page.goto(`${site.origin}/playground#${fragment}`)
      await page.locator(".results button").first().waitFor()
      assert.isUndefined(await page.evaluate(() => (globalThis as { readonly harmed?: number }).harmed))
    }
    // The last one is a system, and its sliders stand at their ends.
    assert.strictEqual(await page.getByLabel(/^Load/u).getAttribute("aria-valuetext"), "3 times")
    await fastest()
    await over()
  })

  test("an older one with three sliders works", async () => {
    const old = Buffer.from(JSON.stringify({ text: small, seed: 3, sliders: { load: 2, budget: 0.1 } })).toString(
      "base64url"
    )
    await page.goto(`${site.origin}/playground#${old}`)
    await page.getByText("Load: 2 times").waitFor()
    assert.strictEqual(await page.getByLabel("Seed").inputValue(), "3")
  })

  test("back, forward, reload and a second link in the same tab show their own systems", async () => {
    await page.goto(link({ seed: 5 }))
    await page.getByText(/of 60 seconds/u).waitFor()
    await page.evaluate((url) => location.href = url, link({ seed: 6 }))
    const seed = page.getByLabel("Seed")
    await page.waitForFunction(() => document.querySelector<HTMLInputElement>("#seed")?.value === "6")
    await page.reload()
    assert.strictEqual(await seed.inputValue(), "6")
    await page.goBack()
    await page.waitForFunction(() => document.querySelector<HTMLInputElement>("#seed")?.value === "5")
    await page.goForward()
    await page.waitForFunction(() => document.querySelector<HTMLInputElement>("#seed")?.value === "6")
  })
})

describe("wherever it runs", () => {
  test("nothing is requested once it has loaded, and it goes on without a network", async () => {
    await page.goto(link())
    await page.getByText(/^[1-9]\d* of 60 seconds$/u).waitFor()
    // A browser may ask for the icon of its tab when it likes.
    page.on("request", (request) => request.url().endsWith("/favicon.svg") || faults.push(request.url()))
    await page.context().setOffline(true)
    await fastest()
    await over()
    await page.getByLabel("Start from").selectOption("A herd after an outage")
    await over()
    assert.strictEqual(await fault().innerText(), "")
  })

  test("without Web Workers it says so", async () => {
    await page.addInitScript(() => Reflect.deleteProperty(globalThis, "Worker"))
    await page.goto(link())
    await page.locator("#fault:not(:empty)").waitFor()
    assert.match(await fault().innerText(), /This browser has no Web Workers/u)
  })

  test("two tabs run side by side", async () => {
    const other = await watched()
    await Promise.all([page.goto(link({ seed: 2 })), other.goto(link({ seed: 3 }))])
    await Promise.all([fastest(), fastest(other)])
    await Promise.all([over(), over(other)])
    assert.notStrictEqual(await figures(), await figures(other))
    await other.close()
  })

  test("a slider moved while it runs on a slow machine starts it anew", async () => {
    const session = await page.context().newCDPSession(page)
    await session.send("Emulation.setCPUThrottlingRate", { rate: 6 })
    await page.goto(link())
    await page.getByText(/of 60 seconds/u).waitFor()
    const load = page.getByLabel(/^Load/u)
    await load.focus()
    for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight")
    const before = page.url()
    await page.getByText("Load: 1.5 times").waitFor()
    await page.waitForURL((url) => url.href !== before)
    await fastest()
    await over()
    const calls = (await figures()).split("\n").find((row) => row.startsWith("Good answers"))?.split("\t")[1]
    assert.closeTo(Number(calls), 12.5, 2)
  })

  test("it fits 320 and 360 pixels, a zoom of 200 % and paper", async () => {
    for (const size of [320, 360, 640]) {
      await page.setViewportSize({ width: size, height: 700 })
      await page.goto(link())
      await page.getByText("Circuit breakers").waitFor()
      assert.isAtMost(await width(), size)
    }
    const paper = await page.pdf()
    assert.isAbove(paper.length, 10_000)
  })

  test("plots change their colours with the theme, and are drawn once a second for those who want no motion", async () => {
    const calm = await watched({ reducedMotion: "reduce" })
    await calm.goto(link())
    await calm.getByText("Circuit breakers").waitFor()
    const draws = calm.evaluate(() => {
      let count = 0
      const { stroke } = CanvasRenderingContext2D.prototype
      CanvasRenderingContext2D.prototype.stroke = function(...of: ReadonlyArray<Path2D>) {
        count++
        Reflect.apply(stroke, this, of)
      }
      return new Promise<number>((resolve) => setTimeout(() => resolve(count), 2_000))
    })
    // Five lines, at most three times.
    assert.isAtMost(await draws, 15)
    const colour = () =>
      calm.getByRole("img", { name: /^Calls and good/u }).evaluate((canvas) =>
        getComputedStyle(canvas).getPropertyValue("--plot-line-0")
      )
    const light = await colour()
    await calm.locator(".VPSwitchAppearance").first().click()
    assert.notStrictEqual(await colour(), light)
    await calm.close()
  })

  test("Tab goes through it in order, and shows where it is", async () => {
    await page.goto(link())
    await page.getByText("Circuit breakers").waitFor()
    await page.getByLabel("Start from").focus()
    const reached: Array<string> = []
    for (let i = 0; i < 20; i++) {
      reached.push(
        await page.evaluate(() => {
          const { activeElement: element, body } = document
          if (element === body) return "the end"
          const outline = element === null ? "none" : getComputedStyle(element).outlineStyle
          return `${element?.id || element?.textContent?.trim()}${outline === "none" ? " without outline" : ""}`
        })
      )
      await page.keyboard.press("Tab")
    }
    const inOrder = [
      "start",
      "system",
      "The keys of a system",
      "slider-load",
      "slider-retries",
      "slider-budget",
      "slider-timeout",
      "seed",
      "speed",
      "Run"
    ]
    assert.deepStrictEqual(inOrder.filter((name) => reached.includes(name)), inOrder)
    assert.deepStrictEqual(reached.filter((name) => inOrder.includes(name)), inOrder)
    assert.deepStrictEqual(reached.filter((name) => name.endsWith("without outline")), [])
  })
})
