/** A chain of embeddings: whose vectors they are, what follows a failure, and what may not be mixed. */
import { assert, describe, it } from "@effect/vitest"
import * as EmbeddingChain from "@holdfast/llm/EmbeddingChain"
import * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { elapse } from "../chain/asking.ts"

const reasons = {
  busy: new AiError.InternalProviderError({ description: "overloaded" }),
  key: new AiError.AuthenticationError({ kind: "InvalidKey" }),
  unknown: new AiError.InvalidRequestError({ description: "no" }),
  wrong: new AiError.InvalidRequestError({
    description: "input must not be empty",
    metadata: { holdfast: { kind: "invalidRequest" } }
  })
}

type Step = keyof typeof reasons | "ok" | "longer"

/** A member that plays a script, and then answers. Its vectors have two numbers, or three. */
const member = (name: string, script: ReadonlyArray<Step> = [], options: Partial<EmbeddingChain.Embedder> = {}) => {
  const asked: Array<Step> = []
  const made = Effect.map(
    EmbeddingModel.make({
      embedMany: ({ inputs }) =>
        Effect.suspend(() => {
          const step = script[asked.length] ?? "ok"
          asked.push(step)
          return step === "ok" || step === "longer"
            ? Effect.succeed({
              results: inputs.map(({ length }) => step === "ok" ? [length, 1] : [length, 1, 0]),
              usage: { inputTokens: inputs.length }
            })
            : Effect.fail(AiError.make({ module: name, method: "embedMany", reason: reasons[step] }))
        })
    }),
    (model): EmbeddingChain.Embedder => ({
      ...model,
      name,
      model: "bge-m3",
      location: "cloud",
      dimensions: undefined,
      ...options
    })
  )
  return { made, asked }
}

const invalid = (members: EmbeddingChain.Options["members"], sameModel?: boolean) =>
  Effect.map(
    Effect.exit(EmbeddingChain.make({ members, sameModel })),
    (exit) => Exit.isFailure(exit) ? String(exit.cause) : ""
  )

describe("EmbeddingChain", () => {
  it.effect("takes the names of one model for one, and others only with sameModel", () =>
    Effect.gen(function*() {
      const of = (name: string, model: string, dimensions?: number) => member(name, [], { model, dimensions }).made
      assert.strictEqual(yield* invalid([of("a", "BAAI/bge-m3"), of("b", "bge-m3:latest"), of("c", "BGE-M3")]), "")
      const other = yield* invalid([of("a", "bge-m3"), of("b", "bge-large"), of("c", "nomic-embed-text:v1.5")])
      assert.include(
        other,
        "RangeError: EmbeddingChain.make: members.1 must serve the model of the first, \"bge-m3\" of a"
      )
      assert.include(other, "members.2 must serve")
      assert.strictEqual(
        yield* invalid([of("a", "nomic-embed-text"), of("b", "nomic-ai/nomic-embed-text-v1.5")], true),
        ""
      )
      const length = yield* invalid([of("a", "m", 512), of("b", "m", 256), of("c", "m")], true)
      assert.include(length, "members.1.dimensions must be 512, as of the first, got 256")
      assert.include(length, "members.2.dimensions must be 512, as of the first, got undefined")
      assert.include(
        yield* invalid([of("a", "m"), of("a", "m")]),
        "members.1.name must be unique, got \"a\", as members.0"
      )
    }))

  it("rejects invalid options, all at once", () => {
    const options = {
      members: [] as unknown as EmbeddingChain.Options["members"],
      retry: { times: -1 },
      cooldown: "soon" as never
    }
    assert.throws(
      () => EmbeddingChain.make(options),
      RangeError,
      /3 options are invalid: retry\.times .*cooldown .*members /u
    )
  })

  it.effect("skips a failed member for its cool-down, and asks it anyway if all are skipped", () =>
    Effect.gen(function*() {
      const [a, b] = [member("a", ["key", "ok"]), member("b", ["ok", "key", "ok"])]
      const model = yield* EmbeddingChain.make({ members: [a.made, b.made], cooldown: "1 minute" })
      const embed = elapse(Effect.exit(model.embed("text")))
      assert.isTrue(Exit.isSuccess(yield* embed))
      assert.deepStrictEqual([a.asked.length, b.asked.length], [1, 1])
      assert.isTrue(Exit.isFailure(yield* embed))
      assert.deepStrictEqual([a.asked.length, b.asked.length], [1, 2])
      yield* elapse(Effect.sleep("1 minute"))
      assert.isTrue(Exit.isSuccess(yield* embed))
      assert.deepStrictEqual([a.asked.length, b.asked.length], [2, 2])
    }))
})

const Script = Schema.Array(Schema.Literals(["ok", "ok", "longer", "busy", "key", "unknown", "wrong"]))

law(
  "A chain of embeddings gives the vectors of one member, all of one length, or the failure that ends it",
  {
    scripts: Schema.Array(Script),
    texts: Schema.Array(Schema.Array(Schema.Literals(["a", "bb", "ccc"]))),
    retries: Schema.Literals([0, 1, 2])
  },
  ({ retries, scripts, texts }, reach) =>
    Effect.gen(function*() {
      const [first = [], ...rest] = scripts.slice(0, 2)
      const members = [member("m0", first), ...rest.map((script, i) => member(`m${i + 1}`, script))] as const
      const model = yield* EmbeddingChain.make({
        members: [members[0].made, ...members.slice(1).map(({ made }) => made)],
        retry: { times: retries }
      })
      let length: number | undefined
      for (const inputs of texts.slice(0, 5)) {
        const before = members.map(({ asked }) => asked.length)
        const exit = yield* elapse(Effect.exit(model.embedMany(inputs)))
        const steps = members.map(({ asked }, i) => asked.slice(before[i]))
        const sent = steps.flat()
        for (const own of steps) {
          assert.isAtMost(own.length, 1 + retries)
          // Only what may pass is asked again.
          assert.isTrue(own.slice(0, -1).every((step) => step === "busy"), own.join())
        }
        if (inputs.length === 0) {
          assert.isTrue(Exit.isSuccess(exit) && sent.length === 0)
          continue
        }
        const last = sent.at(-1)
        if (Exit.isFailure(exit)) {
          // No vectors of the right length were thrown away.
          assert.isFalse(
            sent.some((step) => step === "ok" ? length !== 3 : step === "longer" && length !== 2),
            sent.join()
          )
          if (last !== "wrong") reach("all fail")
          continue
        }
        assert.isTrue(last === "ok" || last === "longer")
        const lengths = new Set(exit.value.embeddings.map(({ vector }) => vector.length))
        assert.strictEqual(lengths.size, 1)
        const [own] = lengths
        length ??= own
        assert.strictEqual(own, length)
        assert.deepStrictEqual(exit.value.embeddings.map(({ vector }) => vector[0]), inputs.map((text) => text.length))
        assert.isFalse(sent.includes("wrong"))
        if (sent.length > 1) reach("handed on")
      }
    }),
  { cases: 300, reaches: ["all fail", "handed on"] }
)
