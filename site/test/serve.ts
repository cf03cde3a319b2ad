/** Serves the built site on loopback, as a host of static files does, and a Chromium to look at it with. */
import { once } from "node:events"
import { createReadStream, existsSync, statSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join } from "node:path"
import { type Browser, chromium } from "playwright-core"
import { locate } from "../../vitest.servers.ts"

export const dist = join(import.meta.dirname, "../dist")

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2"
}

const fileOf = (path: string): string | undefined =>
  [path, `${path}.html`, `${path}index.html`].map((one) => join(dist, one)).find((one) =>
    existsSync(one) && statSync(one).isFile()
  )

/** A host of the site. An unknown path gets `404.html`. */
export const serve = async (): Promise<{ readonly origin: string; readonly close: () => void }> => {
  if (!existsSync(dist)) throw new Error("the site is not built: npm run site:build")
  const server = createServer((request, response) => {
    const found = fileOf(decodeURIComponent(new URL(request.url ?? "/", "http://site").pathname))
    const file = found ?? join(dist, "404.html")
    response.writeHead(found === undefined ? 404 : 200, {
      "content-type": types[extname(file)] ?? "application/octet-stream"
    })
    createReadStream(file).pipe(response)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    }
  }
}

export const launch = async (): Promise<Browser> => {
  const executablePath = locate("chromium")
  if (executablePath === undefined) throw new Error("chromium is not installed: apt-get install chromium")
  return chromium.launch({ executablePath, args: ["--no-sandbox"] })
}
