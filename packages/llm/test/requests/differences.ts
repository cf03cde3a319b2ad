/** Where Holdfast sends something else than an SDK, and why. */

export interface Reason {
  readonly sdk: RegExp
  readonly case?: RegExp
  /** Where in the request: `body.messages.0.content`. */
  readonly path: RegExp
  readonly why: string
}

export const differences: ReadonlyArray<Reason> = [
  {
    sdk: /openai$|openai-chat/,
    case: /a thought|a signed call/,
    path: /\.(reasoning_content|extra_content)$/,
    why: "OpenAI's chat completions have no reasoning. The servers that have it get it back as they wrote it"
  },
  {
    sdk: /^(openai|anthropic|google)$/,
    case: /an image of any kind/,
    path: /^refused$/,
    why: "The first bytes of an image tell its type"
  },
  {
    sdk: /openai-compatible/,
    case: /an image by URL/,
    path: /^refused$/,
    why: "Vercel's library fetches the image itself. OpenAI fetches a URL, and so do the servers whose preset says so"
  },
  {
    sdk: /openai-chat/,
    case: /a text file/,
    path: /^refused$/,
    why: "A text file goes as text, which every model reads"
  },
  {
    sdk: /^(openai|ollama)$/,
    case: /a text file/,
    path: /^refused$/,
    why: "The API takes no text file, and every model reads the text"
  },
  {
    sdk: /openai-chat/,
    case: /a failed call|no JSON/,
    path: /^body\.messages\.2\.content$/,
    why: "Chat completions have no flag for a failure. Vercel's library wraps one in JSON; Holdfast sends its words"
  },
  {
    sdk: /openai|anthropic/,
    case: /no JSON/,
    path: /\.(arguments|input)(\.\w+)?$/,
    why:
      "Servers that parse arguments refuse a text that is no JSON object. It goes back under the key that Anthropic recommends"
  },
  {
    sdk: /^ollama$/,
    case: /no JSON/,
    path: /^refused$/,
    why: "Ollama takes an object alone, so the text goes back in one"
  },
  {
    sdk: /openai-chat/,
    case: /a PDF without a name/,
    path: /\.filename$/,
    why: "Any name will do"
  },
  {
    sdk: /anthropic$/,
    case: /an id with signs/,
    path: /\.(id|tool_use_id)$/,
    why: "The API refuses an id with other signs than letters, digits, _ and -"
  },
  {
    sdk: /^anthropic$/,
    path: /^headers\.(x-api-key|authorization)$/,
    why: "The API takes a key in either header. Gateways and older servers of the Messages API know x-api-key"
  },
  {
    sdk: /^anthropic$/,
    path: /^headers\.anthropic-version$/,
    why:
      "Version 2026-10-21 refuses temperature, top_p and top_k, which parameters may set, and gateways may not know it"
  },
  {
    sdk: /^anthropic$/,
    case: /two messages of a user/,
    path: /^body\.messages\./,
    why: "Older servers of the Messages API refuse two messages of one role in a row"
  },
  {
    sdk: /vercel-anthropic/,
    path: /^body\.max_tokens$/,
    why: "It is an option of Holdfast's. Vercel's library sends the largest that the model takes"
  },
  {
    sdk: /vercel-anthropic/,
    case: /system message/,
    path: /^body\.system$/,
    why: "The API takes a text or a list of texts"
  },
  {
    sdk: /vercel-anthropic/,
    case: /a tool, streamed/,
    path: /\.eager_input_streaming$/,
    why: "It streams arguments before the API has checked that they are JSON. `parameters` may ask for it"
  },
  {
    sdk: /^ollama$/,
    path: /^body\.truncate$/,
    why: "Ollama would drop the beginning of a long prompt without a word"
  },
  {
    sdk: /^ollama$/,
    case: /the choice/,
    path: /^refused$/,
    why: "Ollama has no choice of tools: it is offered the chosen one, and an answer without a call is a failure"
  },
  {
    sdk: /^vercel-google$/,
    path: /functionResponse\.response\.(name|content|output)$/,
    why: "Google documents `output` and `error` as the names of a response's fields"
  },
  {
    sdk: /^vercel-google$/,
    case: /two calls at once/,
    path: /parts\.1\.thoughtSignature$/,
    why: "Gemini wants a signature on the first of several calls alone"
  },
  {
    sdk: /^vercel-google$/,
    case: /system message/,
    path: /^body\.systemInstruction\./,
    why: "Google's own client sends the system messages as one text of a content with a role"
  },
  {
    sdk: /^vercel-google$/,
    case: /without a description/,
    path: /description$/,
    why: "A description that is not there is left out"
  },
  {
    sdk: /^google$/,
    case: /a strict tool/,
    path: /^body\.toolConfig\.functionCallingConfig\.mode$/,
    why: "Google's client knows no strict tools. The mode VALIDATED holds a model to their schemas"
  },
  {
    sdk: /google$/,
    case: /no JSON/,
    path: /^refused$|functionCall\.args$/,
    why: "Gemini takes an object alone, so the text goes back in one"
  }
]
