/**
 * Calls of tools as servers break, repeat and misnumber them, in every dialect: each shape has been seen at a server or gateway
 * of the dialect, or is what its own SDK accepts.
 */
import type { Answer, Meaning } from "./forms.ts"
import {
  at,
  block,
  call,
  calls,
  chunks,
  ended,
  event,
  line,
  of,
  oslo,
  rome,
  said,
  say,
  start,
  stop,
  twice,
  weather
} from "./forms.ts"

const openai = of("OpenAI", "openai", "https://platform.openai.com/docs/api-reference/chat-streaming")
const anthropic = of("Anthropic", "anthropic", "https://docs.claude.com/en/docs/build-with-claude/streaming")
const gemini = of("Gemini", "gemini", "https://ai.google.dev/api/caching#FunctionCall")
const responses = of("OpenAI", "responses", "https://platform.openai.com/docs/api-reference/responses-streaming")
const bedrock = of(
  "Bedrock",
  "bedrock",
  "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"
)
const ollama = of("Ollama", "ollama", "https://github.com/ollama/ollama/blob/main/docs/api.md")

const one: Meaning = { calls: [weather], finish: "tool-calls" }
const both: Meaning = { calls: [...twice], finish: "tool-calls" }
const empty: Meaning = { calls: [["weather", {}]], finish: "tool-calls" }
const long: Meaning = { text: "Hi", finish: "length" }
const cut = { fails: "NetworkError" } as const
const nothing = { fails: "InvalidResponseError" } as const
const counted = (means: Meaning): Meaning => ({ ...means, input: 12, output: 2 })
const small = (means: Meaning): Meaning => ({ ...means, input: 5, output: 1 })

const hi = block(0, { type: "text", text: "" }, { type: "text_delta", text: "Hi" })
const use = (id: string | undefined, rest: object = {}) => ({
  type: "tool_use",
  ...(id === undefined ? {} : { id }),
  name: "weather",
  input: {},
  ...rest
})
const json = (partial_json: string) => ({ type: "input_json_delta", partial_json })
const begin = (content_block: object, index?: number) => said({ type: "content_block_start", index, content_block })
const piece = (delta: object, index?: number) => said({ type: "content_block_delta", index, delta })
const close = (index?: number) => said({ type: "content_block_stop", index })
const used = stop("tool_use", 2)

const parts = (parts: ReadonlyArray<object>, rest: object = {}) =>
  event({ candidates: [{ content: { role: "model", parts }, index: 0, ...rest }] })
const functionCall = (args: unknown, rest: object = {}) => ({ functionCall: { name: "weather", args, ...rest } })
const stopped = { finishReason: "STOP" }

const told = (type: string, rest: object) => event({ type, ...rest }, type)
const item = (call_id: string | undefined, args: string | undefined, id?: string) => ({
  type: "function_call",
  ...(id === undefined ? {} : { id }),
  ...(call_id === undefined ? {} : { call_id }),
  name: "weather",
  ...(args === undefined ? {} : { arguments: args })
})
const added = (item: object, output_index?: number) => told("response.output_item.added", { output_index, item })
const args = (delta: string, rest: object) => told("response.function_call_arguments.delta", { delta, ...rest })
const finished = (item: object, output_index?: number) => told("response.output_item.done", { output_index, item })
const completed = (output: ReadonlyArray<object> = [], rest: object = {}) =>
  told("response.completed", { response: { id: "r", status: "completed", output, ...rest } })
const incomplete = (output: ReadonlyArray<object>) =>
  told("response.incomplete", {
    response: { id: "r", status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, output }
  })

type Frame = readonly [type: string, payload: object]
const started = (contentBlockIndex: number | undefined, toolUseId: string | undefined, rest: object = {}): Frame => [
  "contentBlockStart",
  { contentBlockIndex, start: { toolUse: { toolUseId, name: "weather", ...rest } } }
]
const input = (contentBlockIndex: number | undefined, input: string): Frame => [
  "contentBlockDelta",
  { contentBlockIndex, delta: { toolUse: { input } } }
]
const over = (contentBlockIndex?: number): Frame => ["contentBlockStop", { contentBlockIndex }]
const opened: Frame = ["messageStart", { role: "assistant" }]
const asks: Frame = ["messageStop", { stopReason: "tool_use" }]
const cost: Frame = ["metadata", { usage: { inputTokens: 5, outputTokens: 1 } }]
const words: ReadonlyArray<Frame> = [["contentBlockDelta", { contentBlockIndex: 0, delta: { text: "Hi" } }], over(0)]

const lines = { ...ended, prompt_eval_count: undefined, eval_count: undefined }
const called = (args: unknown, id?: string) => ({ id, function: { name: "weather", arguments: args } })

export const answers: ReadonlyArray<Answer> = [
  // Ids
  anthropic(
    "calls of one id",
    "stream",
    start() + block(0, use("t"), json(oslo)) + block(1, use("t"), json(rome)) + used,
    counted(both)
  ),
  anthropic(
    "calls without ids",
    "stream",
    start() + block(0, use(undefined), json(oslo)) + block(1, use(""), json(rome)) + used,
    counted(both)
  ),
  gemini(
    "calls of one id",
    "stream",
    parts([functionCall({ city: "Oslo" }, { id: "f" }), functionCall({ city: "Rome" }, { id: "f" })], stopped),
    both
  ),
  gemini(
    "calls without ids",
    "stream",
    parts([functionCall({ city: "Oslo" })]) + parts([functionCall({ city: "Rome" }, { id: "" })], stopped),
    both
  ),
  responses(
    "calls of one id",
    "stream",
    finished(item("c", oslo), 0) + finished(item("c", rome), 1) + completed(),
    both
  ),
  responses(
    "calls without ids",
    "stream",
    added(item(undefined, "")) + args(oslo, {}) + finished(item(undefined, oslo)) + completed(),
    one
  ),
  bedrock("calls of one id", "stream", [
    opened,
    started(0, "t"),
    input(0, oslo),
    over(0),
    started(1, "t"),
    input(1, rome),
    over(1),
    asks,
    cost
  ], small(both)),
  bedrock("calls without ids", "stream", [
    opened,
    started(0, undefined),
    input(0, oslo),
    over(0),
    started(1, ""),
    input(1, rome),
    over(1),
    asks,
    cost
  ], small(both)),
  ollama(
    "calls of one id",
    "stream",
    line({ tool_calls: [called({ city: "Oslo" }, "c"), called({ city: "Rome" }, "c")] }, lines),
    both
  ),
  ollama(
    "calls without ids, on two lines",
    "stream",
    line({ tool_calls: [called({ city: "Oslo" }, "")] }) + line({ tool_calls: [called({ city: "Rome" })] }) +
      line({}, lines),
    both
  ),
  openai(
    "ids of blanks",
    "stream",
    chunks(at, calls(call(0, " ", "weather", oslo), call(1, " ", "weather", rome)), say({}, "tool_calls")),
    both
  ),

  // Pieces
  anthropic(
    "two calls at once",
    "stream",
    start() + begin(use("a"), 0) + begin(use("b"), 1) + piece(json("{\"city\""), 1) + piece(json("{\"city\":\"Os"), 0) +
      piece(json(":\"Rome\"}"), 1) + piece(json("lo\"}"), 0) + close(1) + close(0) + used,
    counted({ ...both, calls: twice.toReversed() })
  ),
  bedrock("two calls at once", "stream", [
    opened,
    started(0, "a"),
    started(1, "b"),
    input(1, "{\"city\""),
    input(0, "{\"city\":\"Os"),
    input(1, ":\"Rome\"}"),
    input(0, "lo\"}"),
    over(0),
    over(1),
    asks,
    cost
  ], small(both)),
  responses(
    "two calls at once",
    "stream",
    added(item("a", ""), 0) + added(item("b", ""), 1) + args("{\"city\":", { output_index: 1 }) +
      args("{\"city\":\"Os", { output_index: 0 }) + args("\"Rome\"}", { output_index: 1 }) +
      args("lo\"}", { output_index: 0 }) + finished(item("a", oslo), 0) + finished(item("b", rome), 1) + completed(),
    both
  ),
  anthropic(
    "no index",
    "stream",
    start() + begin({ type: "text", text: "" }) + piece({ type: "text_delta", text: "Hi" }) + close() +
      begin(use("a")) + piece(json("{\"city\":")) + piece(json("\"Oslo\"}")) + close() + begin(use("b")) +
      piece(json(rome)) + close() + used,
    counted({ ...both, text: "Hi" })
  ),
  anthropic(
    "one index for all, and no ends",
    "stream",
    start() + begin({ type: "text", text: "" }, 0) + piece({ type: "text_delta", text: "Hi" }, 0) + begin(use("a"), 0) +
      piece(json(oslo), 0) + begin(use("b"), 0) + piece(json(rome), 0) + used,
    counted({ ...both, text: "Hi" })
  ),
  anthropic(
    "half a call without its end",
    "stream",
    start() + begin(use("a"), 0) + piece(json("{\"city\":"), 0) + used,
    cut
  ),
  anthropic("a call without its end or arguments", "stream", start() + begin(use("a"), 0) + used, counted(empty)),
  anthropic(
    "words without their end",
    "stream",
    start() + begin({ type: "text", text: "" }, 0) + piece({ type: "text_delta", text: "Hi" }, 0) + stop("end_turn", 2),
    counted({ text: "Hi", finish: "stop" })
  ),
  anthropic(
    "arguments where the call begins",
    "stream",
    start() + begin(use("a", { input: { city: "Oslo" } }), 0) + close(0) + used,
    counted(one)
  ),
  anthropic("an end twice", "stream", start() + block(0, use("a"), json(oslo)) + close(0) + used, counted(one)),
  bedrock("no index", "stream", [
    opened,
    started(undefined, "a"),
    input(undefined, "{\"city\":"),
    input(undefined, "\"Oslo\"}"),
    over(),
    started(undefined, "b"),
    input(undefined, rome),
    over(),
    asks,
    cost
  ], small(both)),
  bedrock("one index for all, and no ends", "stream", [
    opened,
    started(0, "a"),
    input(0, oslo),
    started(0, "b"),
    input(0, rome),
    asks,
    cost
  ], small(both)),
  bedrock("no arguments", "stream", [opened, started(0, "a"), over(0), asks, cost], small(empty)),
  bedrock("a tool that runs at the vendor's", "stream", [
    opened,
    started(0, "s", { type: "server_tool_use", name: "nova_grounding" }),
    input(0, "{\"query\":\"x\"}"),
    over(0),
    ...words,
    ["messageStop", { stopReason: "end_turn" }],
    cost
  ], small({ text: "Hi", finish: "stop" })),
  bedrock(
    "the usage before the end",
    "stream",
    [opened, started(0, "a"), input(0, oslo), over(0), cost, asks],
    small(one)
  ),
  responses(
    "no index",
    "stream",
    added(item("a", "", "fc_a")) + args(oslo, { item_id: "fc_a" }) + finished(item("a", oslo, "fc_a")) +
      added(item("b", "", "fc_b")) + args(rome, { item_id: "fc_b" }) + finished(item("b", rome, "fc_b")) +
      completed([item("a", oslo, "fc_a"), item("b", rome, "fc_b")]),
    both
  ),
  responses(
    "one index for all",
    "stream",
    added(item("a", "", "fc_a"), 0) + args(oslo, { item_id: "fc_a", output_index: 0 }) +
      finished(item("a", oslo, "fc_a"), 0) + added(item("b", "", "fc_b"), 0) +
      args(rome, { item_id: "fc_b", output_index: 0 }) + finished(item("b", rome, "fc_b"), 0) +
      completed([item("a", oslo, "fc_a"), item("b", rome, "fc_b")]),
    both
  ),
  responses(
    "one index for all, and an empty last event",
    "stream",
    added(item("a", "", "fc_a"), 0) + args(oslo, { item_id: "fc_a", output_index: 0 }) +
      finished(item("a", oslo, "fc_a"), 0) + added(item("b", "", "fc_b"), 0) +
      args(rome, { item_id: "fc_b", output_index: 0 }) + finished(item("b", rome, "fc_b"), 0) + completed(),
    both
  ),
  responses(
    "no events of ends",
    "stream",
    added(item("a", ""), 0) + args(oslo, { output_index: 0 }) + added(item("b", ""), 0) +
      args(rome, { output_index: 0 }) + completed(),
    both
  ),
  responses(
    "arguments as an object",
    "stream",
    completed([{ ...item("a", undefined), arguments: { city: "Oslo" } }]),
    one
  ),
  anthropic(
    "thoughts and words in one block",
    "stream",
    start() + piece({ type: "thinking_delta", thinking: "Hm." }, 0) + piece({ type: "text_delta", text: "Hi" }, 0) +
      stop("end_turn", 2),
    counted({ reasoning: "Hm.", text: "Hi", finish: "stop" })
  ),
  responses(
    "ids of items that change",
    "stream",
    added(item("a", "", "x1"), 0) + args(oslo, { item_id: "x2", output_index: 0 }) +
      finished(item("a", oslo, "x3"), 0) + completed([item("a", oslo, "x4")]),
    one
  ),
  responses(
    "an end without the arguments",
    "stream",
    added(item("a", ""), 0) + args(oslo, { output_index: 0 }) + finished(item("a", undefined), 0) + completed(),
    one
  ),
  responses(
    "a call without its end",
    "stream",
    added(item("a", ""), 0) + args(oslo, { output_index: 0 }) + completed(),
    one
  ),
  responses("a call in the last event alone", "stream", completed([item("a", oslo)]), one),
  responses("no arguments", "stream", added(item("a", ""), 0) + finished(item("a", ""), 0) + completed(), empty),
  gemini("arguments as a text", "stream", parts([functionCall(oslo)], stopped), one),
  gemini("no arguments", "stream", parts([{ functionCall: { name: "weather" } }], stopped), empty),
  gemini("null for the arguments", "stream", parts([functionCall(null)], stopped), empty),
  gemini(
    "arguments in pieces",
    "stream",
    parts([{ functionCall: { name: "weather", id: "f", willContinue: true } }]) +
      parts([{
        functionCall: {
          partialArgs: [{ jsonPath: "$.city", stringValue: "Os", willContinue: true }],
          willContinue: true
        }
      }]) +
      parts([{ functionCall: { partialArgs: [{ jsonPath: "$.city", stringValue: "lo" }], willContinue: true } }]) +
      parts([{ functionCall: {} }]) + parts([], stopped),
    one
  ),
  gemini(
    "arguments of every kind in pieces",
    "stream",
    parts([{
      functionCall: {
        name: "weather",
        willContinue: true,
        partialArgs: [
          { jsonPath: "$.stops[0].city", stringValue: "Oslo" },
          { jsonPath: "$.stops[1]['n o']", numberValue: 2 },
          { jsonPath: "$.now", boolValue: true },
          { jsonPath: "$.then", nullValue: "NULL_VALUE" },
          { jsonPath: "$.__proto__.x", boolValue: true }
        ]
      }
    }]) + parts([{ functionCall: {} }], stopped),
    {
      calls: [[
        "weather",
        JSON.parse(
          "{\"stops\":[{\"city\":\"Oslo\"},{\"n o\":2}],\"now\":true,\"then\":null,\"__proto__\":{\"x\":true}}"
        )
      ]],
      finish: "tool-calls"
    }
  ),
  gemini(
    "half a call in pieces",
    "stream",
    parts([{ functionCall: { name: "weather", willContinue: true } }], stopped),
    cut
  ),
  ollama("null for the arguments", "stream", line({ tool_calls: [called(null)] }, lines), empty),
  ollama("arguments as a text", "stream", line({ tool_calls: [called(oslo)] }, lines), one),
  openai(
    "a null beside the calls",
    "stream",
    chunks(at, calls(call(0, "a", "weather", oslo)), say({ tool_calls: null, content: null }), say({}, "tool_calls")),
    one
  ),
  openai(
    "a null among the calls",
    "stream",
    chunks(at, say({ tool_calls: [null, call(0, "a", "weather", oslo)] }), say({}, "tool_calls")),
    one
  ),

  // Calls of an answer that broke off
  openai(
    "half a call at the longest length",
    "stream",
    chunks(at, say({ content: "Hi" }), calls(call(0, "a", "weather", "{\"city\":")), say({}, "length")),
    long
  ),
  openai(
    "a call without arguments at the longest length",
    "stream",
    chunks(at, say({ content: "Hi" }), calls(call(0, "a", "weather", "")), say({}, "length")),
    long
  ),
  openai(
    "half a call alone at the longest length",
    "stream",
    chunks(at, calls(call(0, "a", "weather", "{\"city\":")), say({}, "length")),
    nothing
  ),
  openai(
    "a whole call at the longest length",
    "stream",
    chunks(at, calls(call(0, "a", "weather", oslo)), say({}, "length")),
    { ...one, finish: "length" }
  ),
  openai(
    "a call beside words that a filter cut",
    "stream",
    chunks(at, say({ content: "Hi" }), calls(call(0, "a", "weather", oslo)), say({}, "content_filter")),
    { text: "Hi", finish: "content-filter" }
  ),
  anthropic(
    "half a call at the longest length",
    "stream",
    start() + hi + block(1, use("a"), json("{\"city\":")) + stop("max_tokens", 2),
    counted(long)
  ),
  anthropic(
    "a call without arguments at the longest length",
    "stream",
    start() + hi + block(1, use("a")) + stop("max_tokens", 2),
    counted(long)
  ),
  anthropic(
    "half a call at the longest length, without its end",
    "stream",
    start() + hi + begin(use("a"), 1) + piece(json("{\"city\":"), 1) + stop("max_tokens", 2),
    counted(long)
  ),
  bedrock("half a call at the longest length", "stream", [
    opened,
    ...words,
    started(1, "a"),
    input(1, "{\"city\":"),
    over(1),
    ["messageStop", { stopReason: "max_tokens" }],
    cost
  ], small(long)),
  responses(
    "half a call at the longest length",
    "stream",
    told("response.output_text.delta", { output_index: 0, content_index: 0, delta: "Hi" }) + added(item("a", ""), 1) +
      args("{\"city\":", { output_index: 1 }) +
      incomplete([{ type: "message", content: [{ type: "output_text", text: "Hi" }] }, item("a", "{\"city\":")]),
    long
  ),
  responses(
    "a whole call at the longest length",
    "stream",
    finished(item("a", oslo), 0) + incomplete([item("a", oslo)]),
    { ...one, finish: "length" }
  )
]
