/** A Redis Cluster on this machine: three primaries that share the slots, and as many replicas of the first as asked for. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createClient } from "redis"
import { freePort } from "../../../../vitest.redis.ts"

/** The slots of three primaries. */
const shares = [[0, 5460], [5461, 10922], [10923, 16383]] as const

const common = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--cluster-enabled", "yes"]

export interface ClusterNode {
  readonly url: string
  readonly port: number
  readonly id: string
  /** The slots that it begins with; `undefined` for a replica. */
  readonly slots: readonly [first: number, last: number] | undefined
  readonly send: (...command: ReadonlyArray<string>) => Promise<unknown>
  readonly kill: () => void
}

export interface Cluster {
  readonly nodes: ReadonlyArray<ClusterNode>
  readonly end: () => Promise<void>
}

/** Waits for a condition, for at most 20 seconds. */
export const eventually = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const end = Date.now() + 20_000
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`It never came to this: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

export const startCluster = async (replicas = 0, more: ReadonlyArray<string> = []): Promise<Cluster> => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-cluster-"))
  const children: Array<ChildProcess> = []
  const started = await Promise.all(
    Array.from({ length: shares.length + replicas }, async (_, i) => {
      const [port, bus] = [await freePort(), await freePort()]
      const own = ["--port", `${port}`, "--cluster-port", `${bus}`, "--cluster-config-file", `nodes-${i}.conf`]
      const child = spawn("redis-server", [...own, ...common, ...more, "--dir", folder], { stdio: "ignore" })
      children.push(child)
      const url = `redis://127.0.0.1:${port}`
      const client = createClient({ url })
      client.on("error", () => undefined)
      await client.connect()
      const send = (...command: ReadonlyArray<string>) => client.sendCommand([...command])
      const slots = shares[i]
      if (slots !== undefined) await send("CLUSTER", "ADDSLOTSRANGE", ...slots.map(String))
      const id = String(await send("CLUSTER", "MYID"))
      return { url, port, bus, id, slots, send, client, kill: () => void child.kill("SIGKILL") }
    })
  )
  for (const { send } of started) {
    for (const { bus, port } of started) await send("CLUSTER", "MEET", "127.0.0.1", `${port}`, `${bus}`)
  }
  const [first] = started
  for (const { send } of started) {
    await eventually("the nodes know one another", async () => {
      const known = String(await send("CLUSTER", "NODES"))
      return started.every(({ id }) => known.includes(id)) && !known.includes("handshake")
    })
  }
  for (const { send, slots } of started) {
    if (slots === undefined && first !== undefined) await send("CLUSTER", "REPLICATE", first.id)
  }
  for (const { send } of started) {
    await eventually(
      "the cluster is well",
      async () => String(await send("CLUSTER", "INFO")).includes("cluster_state:ok")
    )
  }
  return {
    nodes: started,
    end: async () => {
      for (const { client } of started) client.destroy()
      for (const child of children) child.kill("SIGKILL")
      rmSync(folder, { recursive: true })
    }
  }
}
