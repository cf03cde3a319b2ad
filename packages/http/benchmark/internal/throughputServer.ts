/** A server that costs little: it answers every request at once from a buffer, one in ten of those to `/flaky` with a 503. */
import { createServer } from "node:net"

const answer = (status: number, body: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`
  )

const ok = answer(200, JSON.stringify({ sku: "4711", left: 3, warehouse: "north", updated: "2026-11-23" }))
const busy = answer(503, "busy")

/** Tells its port once it listens. */
export const serve = (onPort: (port: number) => void): void => {
  // A linear congruential sequence: every tenth would hit the same client again where they go in step.
  let seed = 1
  const isUnlucky = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return (seed >>> 16) % 10 === 0
  }
  const server = createServer({ noDelay: true }, (socket) => {
    // No client here pipelines, and a request without a body comes in one piece.
    socket.on("data", (head) => socket.write(head[5] === 0x66 && isUnlucky() ? busy : ok))
    socket.on("error", () => undefined)
  })
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    if (typeof address === "object" && address !== null) onPort(address.port)
  })
}
