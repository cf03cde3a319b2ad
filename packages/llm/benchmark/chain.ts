/**
 * What a chain costs over the raw HTTP stream: `node packages/llm/benchmark/chain.ts --help`.
 *
 * Every candidate asks a server on loopback for a stream of 300 tokens in OpenAI's protocol, over the same `fetch`. "fetch"
 * takes the bytes and does nothing with them; "by hand" reads events and JSON and adds the texts up; the others do what a
 * program on Effect does. The server, and each candidate, is a process of its own. They take turns within each round.
 */
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as IdGenerator from "effect/ai/IdGenerator"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { createParser } from "eventsource-parser"
import { type ChildProcess, fork } from "node:child_process"
import { createServer, type ServerResponse } from "node:http"
import { availableParallelism, loadavg } from "node:os"
import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { interleave, median, table } from "./internal/rounds.ts"

const tokens = 300

const chunk = (delta: object, finish_reason: string | null = null): string =>
  `data: ${
    JSON.stringify({
      id: "chatcmpl-9aBcDeFgHiJkLmNoP",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "gpt-5-mini",
      choices: [{ index: 0, delta, logprobs: null, finish_reason }]
    })
  }\n\n`

/** Gives the first token at once and the rest a moment later, token by token; under `/hold` the rest when it is told to. */
const serve = (): void => {
  const held = new Set<ServerResponse>()
  const rest = (response: ServerResponse) => {
    for (let i = 1; i < tokens; i++) response.write(chunk({ content: " token" }))
    response.end(`${chunk({}, "stop")}data: [DONE]\n\n`)
  }
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write(chunk({ role: "assistant", content: "token" }))
    if (request.url?.startsWith("/hold") === true) held.add(response)
    else setTimeout(rest, 20, response)
  })
  process.on("message", () => {
    for (const response of held) rest(response)
    held.clear()
  })
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    process.send?.(typeof address === "object" ? address?.port : undefined)
  })
}

/** Reads one stream to its end, says when the first token has come, and gives the length of what came. */
type Read = (url: string, onFirst: () => void) => Promise<number>

const post = (url: string) =>
  fetch(`${url}/chat/completions`, { method: "POST", body: JSON.stringify({ model: "m", stream: true, messages: [] }) })

const raw: Read = async (url, onFirst) => {
  let length = 0
  for await (const bytes of (await post(url)).body!) {
    if (length === 0) onFirst()
    length += bytes.length
  }
  return length
}

const byHand: Read = async (url, onFirst) => {
  let text = ""
  const utf8 = new TextDecoder()
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === "[DONE]") return
      if (text === "") onFirst()
      text += JSON.parse(data).choices[0].delta.content ?? ""
    }
  })
  for await (const bytes of (await post(url)).body!) parser.feed(utf8.decode(bytes, { stream: true }))
  return text.length
}

const runtime = ManagedRuntime.make(FetchHttpClient.layer)

const run = (
  stream: Stream.Stream<{ readonly type: string; readonly delta?: unknown }, unknown, HttpClient.HttpClient>,
  onFirst: () => void
): Promise<number> =>
  runtime.runPromise(
    Effect.suspend(() => {
      let length = 0
      return stream.pipe(
        Stream.runForEach((part) =>
          Effect.sync(() => {
            if (part.type !== "text-delta" || typeof part.delta !== "string") return
            if (length === 0) onFirst()
            length += part.delta.length
          })
        ),
        Effect.map(() => length)
      )
    }).pipe(Effect.orDie, Effect.provideService(HttpClient.TracerDisabledWhen, () => true))
  )

const providerOf = (url: string) => OpenAiProvider.make({ baseUrl: url, model: "m" })

/** A model for each URL is made once, as a program does. */
const modelOf = (layerOf: (url: string) => Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient>) => {
  const models = new Map<string, Promise<LanguageModel.LanguageModel>>()
  const model = (url: string) => {
    const known = models.get(url) ??
      runtime.runPromise(Effect.scoped(Effect.map(Layer.build(layerOf(url)), Context.get(LanguageModel.LanguageModel))))
    models.set(url, known)
    return known
  }
  const read: Read = async (url, onFirst) => run((await model(url)).streamText({ prompt: "hello" }), onFirst)
  return read
}

const candidates: Readonly<Record<string, Read>> = {
  "fetch": raw,
  "by hand": byHand,
  "a provider as LanguageModel": modelOf((url) =>
    Layer.effect(
      LanguageModel.LanguageModel,
      Effect.flatMap(
        providerOf(url),
        ({ generateText, streamText }) => LanguageModel.make({ generateText, streamText })
      )
    ).pipe(Layer.provide(Layer.succeed(IdGenerator.IdGenerator, IdGenerator.defaultIdGenerator)))
  ),
  "ProviderChain": modelOf((url) => ProviderChain.layer({ providers: [providerOf(url)] }))
}

interface Turn {
  readonly url: string
  readonly atOnce: number
  readonly times: number
  /** Whether to look at the memory while all are open, rather than at the time. */
  readonly hold: boolean
}

interface Measured {
  readonly [name: string]: number
  /** Milliseconds to the first token, the median over the streams. */
  readonly first: number
  /** Microseconds of this process's time a token. */
  readonly cpu: number
  /** KiB a stream. */
  readonly memory: number
}

/** Takes a turn whenever the parent says so. */
const play = (read: Read): void => {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  const used = () => {
    gc()
    gc()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const measure = async ({ atOnce, hold, times, url }: Turn): Promise<void> => {
    const firsts: Array<number> = []
    const before = hold ? used() : 0
    const cpu = process.cpuUsage()
    let memory = NaN
    for (let time = 0; time < times; time++) {
      let waiting = atOnce
      await Promise.all(Array.from({ length: atOnce }, async () => {
        const start = performance.now()
        const length = await read(url, () => {
          firsts.push(performance.now() - start)
          if (--waiting > 0 || !hold) return
          setImmediate(() => {
            memory = (used() - before) / atOnce / 1024
            process.send?.("release")
          })
        })
        if (length < tokens) throw new Error(`a stream was cut: ${length}`)
      }))
    }
    const { system, user } = process.cpuUsage(cpu)
    process.send?.({ first: median(firsts), cpu: (system + user) / (atOnce * times * tokens), memory })
  }
  process.on("message", (turn: Turn) => void measure(turn))
}

const child = (role: string): ChildProcess => {
  const process = fork(import.meta.filename, ["as", role], { execArgv: [] })
  process.on("exit", (code) => {
    if (code !== null && code !== 0) throw new Error(`${role} ended with ${code}`)
  })
  return process
}

const compare = async (rounds: number): Promise<void> => {
  const server = child("server")
  const port = await new Promise<number>((resolve) => server.once("message", resolve))
  const url = `http://127.0.0.1:${port}`
  const players = Object.keys(candidates).map((name) => [name, child(name)] as const)
  const take = (player: ChildProcess, turn: Omit<Turn, "url">) =>
    new Promise<Measured>((resolve) => {
      const listen = (message: Measured | "release") => {
        if (message === "release") return void server.send("release")
        player.off("message", listen)
        resolve(message)
      }
      player.on("message", listen)
      player.send({ ...turn, url: turn.hold ? `${url}/hold` : url } satisfies Turn)
    })
  const each = (turn: Omit<Turn, "url">, rounds: number) =>
    interleave(Object.fromEntries(players.map(([name, player]) => [name, () => take(player, turn)])), rounds)

  process.stderr.write("warming up")
  await each({ atOnce: 50, times: 6, hold: false }, 1)
  process.stderr.write(`, ${rounds} rounds with one stream`)
  const one = await each({ atOnce: 1, times: 5, hold: false }, rounds)
  process.stderr.write(", with 200")
  const many = await each({ atOnce: 200, times: 1, hold: false }, rounds)
  process.stderr.write(", with 200 held open\n")
  const held = await each({ atOnce: 200, times: 1, hold: true }, Math.min(rounds, 5))
  for (const process of [...players.map(([, player]) => player), server]) process.disconnect()

  process.stdout.write(
    `node ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}, ` +
      `medians of ${rounds} rounds, ${tokens} tokens a stream\n\n${
        table(
          ["", "first token, 1 stream", "200 streams", "CPU a token, 1 stream", "200 streams", "memory a stream"],
          players.map(([name]) => [
            name,
            `${one[name]!.first.toFixed(2)} ms`,
            `${many[name]!.first.toFixed(0)} ms`,
            `${one[name]!.cpu.toFixed(1)} us`,
            `${many[name]!.cpu.toFixed(1)} us`,
            `${held[name]!.memory.toFixed(0)} KiB`
          ])
        )
      }`
  )
}

const { positionals: [, role], values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})

if (role !== undefined) process.on("disconnect", () => process.exit())

const rounds = Math.floor(Number(values.rounds ?? (values.quick ? 3 : 15)))

if (role === "server") serve()
else if (role !== undefined) play(candidates[role]!)
else if (values.help) {
  process.stdout.write(
    `What a chain costs over the raw HTTP stream: time to the first token, CPU a token, memory a stream.

  node packages/llm/benchmark/chain.ts [--rounds N] [--quick]

  --rounds N  how often each candidate runs; the median is told (default 15)
  --quick     3 rounds
  --help      this text
`
  )
} else if (rounds >= 1) await compare(rounds)
else throw new RangeError(`--rounds must be a whole number >= 1, got ${values.rounds}`)
