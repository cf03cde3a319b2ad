/**
 * One connection: an undici `Client`, which opens its socket when it has something to send and again after the socket
 * is lost. Over HTTP/1 it carries one exchange at a time, over HTTP/2 many.
 */
import { Socket } from "node:net"
import { type buildConnector, Client } from "undici"
import type { Route } from "./connector.ts"
import { cancelled, type Exchange } from "./exchange.ts"
import type { OriginPool } from "./originPool.ts"

export class Connection {
  readonly client: Client
  readonly pool: OriginPool
  /** Whether its socket is open. */
  isOpen = false
  /** Whether it speaks HTTP/2. */
  isShared = false
  /** Whether it has as many streams as the server lets it have. */
  isFull = false
  /** How many exchanges were handed to it and are not over. */
  running = 0

  /** The socket while it is being opened. */
  private opening: Socket | undefined = undefined

  constructor(pool: OriginPool, { connect, url }: Route, options: Client.Options) {
    this.pool = pool
    this.client = new Client(url, { ...options, connect: (to, callback) => this.connect(connect, to, callback) })
    this.client.on("connect", () => {
      this.isOpen = true
      pool.connected(this)
    })
    const lost = () => {
      this.isOpen = false
      this.isFull = false
      pool.lost(this)
    }
    this.client.on("disconnect", lost).on("connectionError", lost)
    this.client.on("drain", () => {
      if (!this.isFull) return
      this.isFull = false
      pool.pumpSoon()
    })
  }

  /** Exchanges that undici holds back until the connection is open, or has a stream to spare. */
  get pending(): number {
    return this.client.stats.pending
  }

  start(exchange: Exchange): void {
    this.running++
    exchange.connection = this
    exchange.wasOpen = this.isOpen
    const goesOn = this.client.dispatch(exchange.options, exchange)
    this.isFull = this.isShared && !goesOn && !exchange.isOver
  }

  /** An exchange is over, and has no use for the connection any more. */
  release(): void {
    this.running--
    this.pool.released(this)
  }

  /** Stops opening the socket, when nobody waits for it any more. */
  giveUp(): void {
    if (!this.isOpen && this.running === 1) this.opening?.destroy(cancelled)
  }

  destroy(reason: Error): Promise<void> {
    this.opening?.destroy(reason)
    return this.client.destroy(reason)
  }

  private connect(
    connect: buildConnector.connector,
    options: buildConnector.Options,
    callback: buildConnector.Callback
  ): void {
    // Undici's own connector returns the socket, which its types do not say; one that does not can't be stopped early.
    const socket: unknown = connect(options, (...[error, socket]) => {
      this.opening = undefined
      if (error !== null) return callback(error, null)
      this.isShared = "alpnProtocol" in socket && socket.alpnProtocol === "h2"
      callback(null, socket)
    })
    if (socket instanceof Socket && socket.connecting) this.opening = socket
  }
}
