/** Schemas, names and parameters of tools in the words that vendors take, and back. */
import { assert, describe, it } from "@effect/vitest"
import * as Provider from "@holdfast/llm/Provider"
import * as Tool from "effect/ai/Tool"
import * as Schema from "effect/Schema"
import { isSchema, properties, schemas } from "../../../src/internal/protocol/tools/jsonSchema.ts"
import type { Json } from "../../../src/internal/protocol/tools/jsonSchema.ts"
import { withPatterns } from "../../../src/internal/protocol/tools/strictSchema.ts"
import { toArguments } from "../../../src/internal/protocol/tools/toolParams.ts"
import { objectName, RequestTools } from "../../../src/internal/protocol/tools/tools.ts"

class Person extends Schema.Class<Person>("app/domain/Person")({ name: Schema.String }) {}
interface Tree {
  readonly value: string
  readonly children: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({
  value: Schema.String,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
}).annotate({ identifier: "Tree" })

const parameters = {
  nothing: Schema.Struct({}),
  nested: Schema.Struct({ at: Schema.Struct({}), list: Schema.Array(Schema.Struct({})) }),
  optional: Schema.Struct({ city: Schema.String, unit: Schema.optional(Schema.String) }),
  union: Schema.Union([Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.Int })]),
  tuple: Schema.Struct({ pair: Schema.Tuple([Schema.String, Schema.Int]) }),
  record: Schema.Record(Schema.String, Schema.Int),
  anything: Schema.Struct({ any: Schema.Unknown }),
  identified: Person,
  recursive: Tree
}
const tools = Object.entries(parameters).map(([name, parameters]) =>
  Tool.make(name, { parameters, success: Schema.String })
)

const inside = (schema: Json): ReadonlyArray<Json> => [
  schema,
  ...[
    ...properties(schema).map(([, value]) => value),
    ...["anyOf", "prefixItems"].flatMap((key) => schemas(schema[key])),
    ...["items", "additionalProperties"].flatMap((key) => isSchema(schema[key]) ? [schema[key]] : []),
    ...(isSchema(schema["$defs"]) ? schemas(Object.values(schema["$defs"])) : [])
  ].flatMap(inside)
]

describe("the schema of a tool", () => {
  it("is an object with properties at the root, and has them, items and no not at any depth", () => {
    for (const { name, schema } of RequestTools.declare([...tools, Tool.make("bare")])) {
      assert.strictEqual(schema["type"], "object", name)
      for (const key of ["anyOf", "oneOf", "allOf", "not", "enum", "$ref"]) assert.notProperty(schema, key, name)
      for (const inner of inside(schema)) {
        assert.notProperty(inner, "not", name)
        if (inner["type"] === "object") {
          assert.isTrue(isSchema(inner["properties"]), `${name}: ${JSON.stringify(inner)}`)
        }
        if (inner["type"] === "array") assert.isTrue(isSchema(inner["items"]), `${name}: ${JSON.stringify(inner)}`)
      }
    }
  })

  it("is strict, at any depth, or goes out without strict", () => {
    const expected: Readonly<Record<string, boolean>> = {
      nothing: true,
      nested: true,
      optional: true,
      union: true,
      tuple: false,
      record: false,
      anything: false,
      identified: true,
      recursive: true
    }
    for (
      const { name, schema, strict } of RequestTools.declare(
        tools.map((tool) => tool.annotate(Tool.Strict, true)),
        "openai"
      )
    ) {
      assert.strictEqual(strict, expected[name] === true ? true : undefined, `${name}: ${JSON.stringify(schema)}`)
      if (strict !== true) continue
      for (const inner of inside(schema)) {
        if (inner["type"] !== "object") continue
        assert.isFalse(inner["additionalProperties"], name)
        assert.deepStrictEqual(inner["required"], properties(inner).map(([key]) => key), name)
      }
    }
  })

  it("is not strict at Anthropic where it refers to itself", () => {
    const strict = RequestTools.declare(tools.map((tool) => tool.annotate(Tool.Strict, true)), "anthropic")
    assert.isUndefined(strict.find(({ name }) => name === "recursive")?.strict)
    assert.isTrue(strict.find(({ name }) => name === "optional")?.strict)
  })
})

describe("the schema of a structured answer", () => {
  it("keeps the patterns that a grammar can hold a model to, where the server does", () => {
    const text = (pattern: RegExp) => Schema.String.check(Schema.isPattern(pattern))
    const schema = Schema.Struct({
      zip: text(/^\d{5}$/),
      tag: text(/^[a-z]+$/u),
      part: text(/x/),
      look: text(/^(?=a)a$/)
    })
    const plain = Provider.codecTransformer(schema).jsonSchema
    const patterns = Object.fromEntries(
      properties(withPatterns(plain, Tool.getJsonSchemaFromSchema(schema))).map((
        [name, { pattern }]
      ) => [name, pattern])
    )
    assert.deepStrictEqual(patterns, { zip: "^[0-9]{5}$", tag: "^[a-z]+$", part: undefined, look: undefined })
  })
})

describe("names", () => {
  it("are within every vendor's alphabet and length, differ, and come back", () => {
    const names = ["weather", "Größe", "Grösse", "a.b", "a/b", "1st", "x".repeat(80), `${"x".repeat(80)}y`, "天気"]
    const named = names.map((name) => Tool.make(name, { success: Schema.String }))
    const request = new RequestTools({ tools: named, toolChoice: "auto" })
    const told = RequestTools.declare(named).map(({ name }) => name)
    for (const name of told) assert.match(name, /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/)
    assert.strictEqual(new Set(told).size, names.length)
    assert.deepStrictEqual(told.map((name) => request.nameOf(name)), names)
    assert.strictEqual(told[0], "weather")
  })

  it("of structured answers are letters, digits, _ and -", () => {
    for (const name of ["app/domain/Person", "x".repeat(90), "Größe", "", "天気"]) {
      assert.match(objectName(name), /^[a-zA-Z0-9_-]{1,64}$/)
    }
    assert.strictEqual(objectName("person_1-a"), "person_1-a")
  })
})

describe("parameters", () => {
  const request = new RequestTools({ tools, toolChoice: "auto" })

  it("lose the nulls of optional keys, and no other", () => {
    assert.deepStrictEqual(request.paramsOf("optional", { city: "Oslo", unit: null }), { city: "Oslo" })
    assert.deepStrictEqual(request.paramsOf("optional", { city: null, unit: "C" }), { city: null, unit: "C" })
    assert.deepStrictEqual(request.paramsOf("anything", { any: null }), { any: null })
    assert.deepStrictEqual(request.paramsOf("unknown", { any: null }), { any: null })
  })

  it("keep the null of an optional key that takes null, at any depth", () => {
    const note = Schema.optional(Schema.NullOr(Schema.String))
    const tool = Tool.make("note", { parameters: Schema.Struct({ note, inner: Schema.Struct({ note }) }) })
    const params = { note: null, inner: { note: null } }
    assert.deepStrictEqual(new RequestTools({ tools: [tool], toolChoice: "auto" }).paramsOf("note", params), params)
  })

  it("go back as an object, whatever a model wrote", () => {
    const cases: ReadonlyArray<readonly [unknown, object]> = [
      [{ city: "Oslo" }, { city: "Oslo" }],
      ["{\"city\":\"Oslo\"}", { city: "Oslo" }],
      [undefined, {}],
      [null, {}],
      ["{\"city\": \"Os", { INVALID_JSON: "{\"city\": \"Os" }],
      [["Oslo"], { INVALID_JSON: "[\"Oslo\"]" }],
      [7, { INVALID_JSON: "7" }]
    ]
    for (const [params, expected] of cases) assert.deepStrictEqual(toArguments(params), expected)
  })
})
