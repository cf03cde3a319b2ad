/**
 * Effect's `Redis` over the npm client `redis`, for a server or a cluster. It is made whether the server is there or not, and comes back by
 * itself. A connection on which nothing is answered, or that leads to a replica since a failover, is replaced by a new one.
 *
 * Guarded by `test/servers/redis-server.client.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { createClient, createCluster } from "redis"
import type { Node, Target } from "./target.ts"

/** How long the first connection is waited for. A server that is away is no reason not to start. */
const patience = 1_000

/** How long a command may go unanswered before its connection is replaced, in milliseconds. */
const silence = 3_000

/** The shortest time between two connections that replace one another, in milliseconds. */
const pause = 1_000

/** A connection to a server, or those to a cluster. */
interface Link {
  readonly send: (command: ReadonlyArray<string>) => Promise<unknown>
  /** Resolves when it is ready, and rejects when its first attempt has failed. */
  readonly ready: Promise<void>
  /** Why it is not there, as far as it has said. */
  readonly failure: () => unknown
  /** Whether it will not come back by itself. */
  readonly isGone: () => boolean
  readonly isCluster: boolean
  readonly close: () => Promise<unknown>
  readonly destroy: () => void
}

type Delay = (retries: number) => number

const trust = (ca: string | undefined) => ca === undefined ? {} : { ca }

const socketOf = (node: Node, { ca, tls }: Target, reconnectStrategy: Delay) =>
  node.path === undefined
    ? tls
      ? { host: node.host, port: node.port, tls, ...trust(ca), connectTimeout: silence, reconnectStrategy } as const
      : { host: node.host, port: node.port, connectTimeout: silence, reconnectStrategy }
    : { path: node.path, tls: false, reconnectStrategy } as const

const secretsOf = ({ password, username }: Target) => ({
  ...(username !== undefined && { username }),
  ...(password !== undefined && { password: Redacted.value(password) })
})

const toServer = (target: Target, delay: Delay): Link => {
  const [node] = target.nodes
  const client = createClient({
    socket: socketOf(node, target, delay),
    ...secretsOf(target),
    database: target.database,
    // A command that waits for a connection is of no use later.
    disableOfflineQueue: true
  })
  let failure: unknown
  const ready = new Promise<void>((resolve, reject) => {
    client.on("ready", () => resolve(failure = undefined))
    client.on("error", (error: unknown) => reject(failure = error))
  })
  client.connect().catch((error: unknown) => {
    failure = error
  })
  return {
    send: (command) => client.sendCommand([...command]),
    ready,
    failure: () => failure,
    isGone: () => !client.isOpen,
    isCluster: false,
    close: async () => client.isOpen ? await client.close() : undefined,
    destroy: () => {
      if (client.isOpen) client.destroy()
    }
  }
}

/** The first key of a command, by which a cluster finds its node: scripts name it behind the number of keys. */
const keyOf = ([name, , , key]: ReadonlyArray<string>): string | undefined =>
  name === "EVALSHA" || name === "EVAL" ? key : undefined

const toCluster = (target: Target, delay: Delay): Link => {
  const common = {
    ...secretsOf(target),
    disableOfflineQueue: true,
    socket: {
      ...(target.tls && { tls: true as const, ...trust(target.ca) }),
      connectTimeout: silence,
      reconnectStrategy: delay
    }
  }
  const cluster = createCluster({
    rootNodes: target.nodes.flatMap((node) =>
      node.path === undefined
        // A node that does not answer is asked again with the next connection.
        ? [{ ...common, socket: { ...common.socket, host: node.host, port: node.port, reconnectStrategy: false } }]
        : []
    ),
    defaults: common
  })
  let failure: unknown
  let isGone = false
  cluster.on("error", (error: unknown) => {
    failure = error
  })
  const ready = cluster.connect().then(() => {
    failure = undefined
  })
  ready.catch((error: unknown) => {
    failure = error
    isGone = true
  })
  const onMasters = async (command: ReadonlyArray<string>): Promise<unknown> => {
    const answers = cluster.masters.map(async (master) => (await cluster.nodeClient(master)).sendCommand([...command]))
    return (await Promise.all(answers))[0]
  }
  return {
    send: (command) => {
      if (!cluster.isOpen) return Promise.reject(failure ?? new Error("The cluster is not connected yet"))
      if (command[0] === "SCRIPT") return onMasters(command)
      const key = keyOf(command)
      return cluster.sendCommand(key, key === undefined, [...command])
    },
    ready,
    failure: () => failure,
    isGone: () => isGone,
    isCluster: true,
    close: async () => cluster.isOpen ? await cluster.close() : undefined,
    destroy: () => {
      if (cluster.isOpen) cluster.destroy()
    }
  }
}

const textOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** What is wrong, in words that say what to do where the server's own do not. */
const explained = (error: unknown, link: Link): unknown => {
  const text = textOf(error)
  if (/^(?:MOVED|ASK|CROSSSLOT) /u.test(text)) {
    return new Error(`The server is a node of a cluster: set \`cluster\` to true (${text})`, { cause: error })
  }
  // The client only says that it is offline.
  return isOffline(error) ? link.failure() ?? new Error(unanswered, { cause: error }) : error
}

const isOffline = (error: unknown): boolean =>
  error instanceof Error && /Client(?:Offline|Closed)Error/u.test(error.constructor.name)

const unanswered = "The server has not answered yet. Check its address, and whether it speaks TLS"

class RedisLink {
  private link: Link
  private openedAt: number
  /** When each command was sent that is not answered, the oldest first. */
  private readonly pending = new Map<symbol, number>()
  private readonly open: () => Link
  private readonly now: () => number

  constructor(open: () => Link, now: () => number) {
    this.open = open
    this.now = now
    this.link = open()
    this.openedAt = now()
    // Its failures are those of the commands.
    this.link.ready.catch(() => undefined)
  }

  get ready(): Promise<void> {
    return this.link.ready
  }

  close(): Promise<unknown> {
    return this.link.close()
  }

  destroy(): void {
    this.link.destroy()
  }

  private renew(): void {
    if (this.now() - this.openedAt < pause) return
    this.pending.clear()
    this.link.destroy()
    this.link = this.open()
    this.openedAt = this.now()
    this.link.ready.catch(() => undefined)
  }

  async send(command: ReadonlyArray<string>): Promise<unknown> {
    const [oldest] = this.pending.values()
    if (this.link.isGone() || (oldest !== undefined && this.now() - oldest > silence)) this.renew()
    const sent = Symbol()
    const { link } = this
    this.pending.set(sent, this.now())
    try {
      return await link.send(command)
    } catch (error) {
      // The primary is elsewhere, and only a new connection gets there. One of a cluster that is gone may have a successor.
      const isElsewhere = /^(?:READONLY|UNBLOCKED|FAILOVER|CLUSTERDOWN)/u.test(textOf(error)) ||
        (link.isCluster && isOffline(error))
      if (link === this.link && isElsewhere) this.renew()
      throw explained(error, link)
    } finally {
      this.pending.delete(sent)
    }
  }
}

/** A client of a server or a cluster. It never fails to be made; its commands fail while nothing is there. */
export const makeClient = (target: Target): Effect.Effect<Redis.Redis["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const delay = (retries: number) =>
      Math.min(50 * 2 ** Math.min(retries, 10), 1_000) * (1 + random.nextDoubleUnsafe() / 4)
    const link = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new RedisLink(
          () => target.cluster ? toCluster(target, delay) : toServer(target, delay),
          () => clock.currentTimeMillisUnsafe()
        )
      ),
      (link) =>
        // What was sent is answered first, if it is soon.
        Effect.promise(() => link.close().catch(() => undefined)).pipe(
          Effect.timeoutOption(patience),
          Effect.andThen(Effect.sync(() => link.destroy())),
          Effect.ignoreCause
        )
    )
    yield* Effect.promise(() => link.ready.catch(() => undefined)).pipe(Effect.timeoutOption(patience))
    return yield* Redis.make({
      send: <A>(command: string, ...args: ReadonlyArray<string>) =>
        Effect.tryPromise({
          try: () => link.send([command, ...args]) as Promise<A>,
          catch: (cause) => new Redis.RedisError({ cause })
        }),
      subscribe: () => Effect.fail(new Redis.RedisError({ cause: new Error("RedisClient does not subscribe") })),
      connect: Effect.fail(new Redis.RedisError({ cause: new Error("RedisClient reserves no connections") }))
    })
  })
