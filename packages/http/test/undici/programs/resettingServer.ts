/**
 * A server in a thread of its own, plain and behind TLS, each behind a relay: on a message it resets every connection, while
 * the thread that asked is blocked and has read nothing of that.
 */
// Threads have no origins.
// oxlint-disable unicorn/require-post-message-target-origin
import * as Net from "node:net"
import * as Tls from "node:tls"
import { parentPort, workerData } from "node:worker_threads"

interface Data {
  readonly certificate: { readonly key: string; readonly cert: string }
  /** Set to 1 when the connections are reset. */
  readonly done: Int32Array
}

const { certificate, done } = workerData as Data
let requests = 0

const answer = (socket: Net.Socket): void => {
  socket.on("error", () => undefined).on("data", () => {
    requests++
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
  })
}

const relayed = new Set<Net.Socket>()

const listening = (server: Net.Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })

const relay = (port: number): Promise<number> =>
  listening(Net.createServer((socket) => {
    relayed.add(socket)
    const inner = Net.connect(port, "127.0.0.1")
    socket.on("error", () => inner.destroy()).on("close", () => {
      relayed.delete(socket)
      inner.destroy()
    })
    inner.on("error", () => undefined)
    socket.pipe(inner)
    inner.pipe(socket)
  }))

const plain = await relay(await listening(Net.createServer(answer)))
const tls = await relay(await listening(Tls.createServer(certificate, answer)))

parentPort?.on("message", (message: "reset" | "count") => {
  if (message === "count") return parentPort?.postMessage(requests)
  let left = relayed.size
  const one = () => {
    if (--left > 0) return
    Atomics.store(done, 0, 1)
    Atomics.notify(done, 0)
  }
  for (const socket of relayed) socket.on("close", one).resetAndDestroy()
})

parentPort?.postMessage({ plain, tls })
