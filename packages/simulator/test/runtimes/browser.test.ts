/** A browser computes what Node computes, byte for byte: in a page, and in a Web Worker. */
import { assert, it } from "@effect/vitest"
import * as esbuild from "esbuild"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import { locate } from "../../../../vitest.servers.ts"
import { figures } from "./scenario.ts"

/** The scenario and all that it needs, as one script. In a worker it posts its result. */
const bundle = async (): Promise<string> => {
  const entry = fileURLToPath(new URL("scenario.ts", import.meta.url))
  const { outputFiles: [file] } = await esbuild.build({
    stdin: {
      contents: `import { figures } from ${JSON.stringify(entry)}
globalThis.figures = figures
if (typeof document === "undefined") postMessage(figures())`,
      resolveDir: "."
    },
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    target: "es2022"
  })
  return file?.text ?? ""
}

it("the figures of a seed are the same in Node, in a page of Chromium and in its Web Worker", async () => {
  const executablePath = locate("chromium")
  if (executablePath === undefined) {
    if (process.env["CI"] !== undefined) throw new Error("Chromium is not installed")
    return
  }
  const script = await bundle()
  const server = createServer((request, response) => {
    const isScript = request.url === "/scenario.js"
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html")
    response.end(isScript ? script : "<!doctype html><script src=\"/scenario.js\"></script>")
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] })
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    const expected = figures()
    assert.strictEqual(await page.evaluate("figures()"), expected)
    const worked = await page.evaluate(
      `new Promise((done) => new Worker("/scenario.js").onmessage = ({ data }) => done(data))`
    )
    assert.strictEqual(worked, expected)
  } finally {
    await browser.close()
    server.close()
  }
}, 120_000)
