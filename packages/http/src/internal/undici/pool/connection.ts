/**
 * One connection: an undici `Client`, which opens its socket on demand and reopens it after a loss. Over HTTP/1 it
 * carries one exchange at a time, over HTTP/2 many.
 *
 * Guarded by `test/undici/pool.test.ts`, `test/undici/bounds.test.ts` and `test/undici/requests.test.ts`.
 */
import { type buildConnector, Client } from "undici"
import type { Connect, Opening, Route } from "../connect/connector.ts"
import type { Carrier } from "../exchange/carrier.ts"
import { cancelled, type Exchange } from "../exchange/exchange.ts"
import { InterimResponses, type OnInterim } from "../exchange/interim.ts"

/** The pool's callbacks for the events of a connection. */
export interface Owner {
  connected(connection: Connection): void
  lost(connection: Connection): void
  released(connection: Connection): void
  rested(connection: Connection): void
  pumpSoon(): void
}

export class Connection implements Carrier<Exchange> {
  readonly isForwarded: boolean
  private readonly client: Client
  private readonly pool: Owner
  /** Whether its socket is open. */
  isOpen = false
  /** Whether it does without TLS. */
  isPlain = false
  /** Whether it speaks HTTP/2. */
  isShared = false
  /** Whether undici would queue another exchange, because the server allows no more streams... */
  isFull = false
  /** ...and whether the server has announced how many streams it allows. */
  isSettled = false
  /** How many exchanges are in progress on it. */
  running = 0

  private interim: InterimResponses | undefined = undefined
  /** The socket while it is being opened. */
  private opening: Opening | undefined = undefined
  /** Whether the end of the last exchange is so recent that the server's end of the connection may not be read yet. */
  isResting = false
  /** The exchange that waits for that. */
  private next: Exchange | undefined = undefined

  constructor(pool: Owner, { connect, forward, url }: Route, options: Client.Options) {
    this.pool = pool
    this.isForwarded = forward !== undefined
    this.client = new Client(url, { ...options, connect: (to, callback) => this.connect(connect, to, callback) })
    this.client.on("connect", () => {
      this.isOpen = true
      pool.connected(this)
    })
    const lost = () => {
      this.isOpen = false
      this.isFull = false
      this.isSettled = false
      pool.lost(this)
    }
    this.client.on("disconnect", lost).on("connectionError", lost)
    this.client.on("drain", () => {
      if (!this.isFull) return
      this.isFull = false
      this.isSettled = true
      pool.pumpSoon()
    })
  }

  /** Exchanges that wait for the connection to open, to be known to be open, or to have a free stream. */
  get pending(): number {
    return this.client.stats.pending + (this.next === undefined ? 0 : 1)
  }

  get isDestroyed(): boolean {
    return this.client.destroyed
  }

  expectResponse(onInterim?: OnInterim): void {
    this.interim?.expect(onInterim)
  }

  start(exchange: Exchange): void {
    this.running++
    exchange.connection = this
    if (this.isResting) this.next = exchange
    else this.dispatch(exchange)
  }

  /** Hands an exchange to undici, which opens the connection again if it has ended. */
  dispatch(exchange: Exchange): void {
    exchange.wasOpen = this.isOpen
    const goesOn = this.client.dispatch(exchange.options, exchange)
    this.isFull = this.isShared && !goesOn && !exchange.isOver
  }

  /** An exchange is over and releases the connection. */
  release(): void {
    this.running--
    this.isSettled = true
    this.isResting = !this.isShared
    if (this.isResting) restUntilRead(this)
    this.pool.released(this)
  }

  /** Everything that arrived on the socket with the end of the last exchange has been read. */
  rested(): void {
    const { next } = this
    this.isResting = false
    this.next = undefined
    if (next === undefined) this.pool.rested(this)
    else if (next.isOver) next.giveBack()
    else this.dispatch(next)
  }

  /** Stops opening the socket if no other exchange waits for it. */
  giveUp(): void {
    if (!this.isOpen && this.running === 1) this.opening?.destroy(cancelled)
  }

  destroy(reason: Error): Promise<void> {
    this.opening?.destroy(reason)
    return this.client.destroy(reason)
  }

  private connect(connect: Connect, options: buildConnector.Options, callback: buildConnector.Callback): void {
    let isDone = false
    const opening = connect(options, (...[error, socket]) => {
      isDone = true
      this.opening = undefined
      if (error !== null) return callback(error, null)
      this.isPlain = !("encrypted" in socket)
      this.isShared = "alpnProtocol" in socket && socket.alpnProtocol === "h2"
      this.interim = this.isShared ? undefined : InterimResponses.of(socket)
      callback(null, socket)
    })
    if (!isDone) this.opening = opening
  }
}

// A server that closes the connection after its answer sends both at once, but the close is read one turn of the event
// loop after the answer. If a request is written in between, the server may carry it out and never answer. undici checks
// a socket again before reuse, in the next check phase. If an exchange is dispatched within that phase, it does so after
// the next poll.
const restUntilRead = (connection: Connection): void => {
  resting.push(connection)
  if (resting.length === 1) setImmediate(endRests)
}

let resting: Array<Connection> = []

const endRests = (): void => {
  const all = resting
  resting = []
  for (const connection of all) connection.rested()
}
