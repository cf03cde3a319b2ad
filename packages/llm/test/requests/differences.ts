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
    case: /a failed call|not JSON/,
    path: /^body\.messages\.2\.content$/,
    why: "Chat completions have no flag for a failure. Vercel's library wraps one in JSON; Holdfast sends its words"
  },
  {
    sdk: /openai|anthropic/,
    case: /not JSON/,
    path: /\.(arguments|input)(\.\w+)?$/,
    why:
      "Servers that parse arguments refuse a text that is not a JSON object. It goes back under the key that Anthropic recommends"
  },
  {
    sdk: /^ollama$/,
    case: /not JSON/,
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
    case: /not JSON/,
    path: /^refused$|functionCall\.args$/,
    why: "Gemini takes an object alone, so the text goes back in one"
  },
  {
    sdk: /deepseek|groq|mistral/,
    path: /^body\.messages\.\d\.content$/,
    case: /call|result|JSON|id with signs|thought before/,
    why: "A message of calls has no content: null, as OpenAI writes it, or an empty text. These servers take both"
  },
  {
    sdk: /deepseek|groq|mistral/,
    case: /a signed call/,
    path: /\.extra_content$/,
    why: "What a server put beside a call goes back to it, and to no other"
  },
  {
    sdk: /deepseek|groq|mistral/,
    case: /not JSON/,
    path: /\.arguments$/,
    why: "Servers that parse arguments refuse a text that is not a JSON object"
  },
  {
    sdk: /deepseek/,
    case: /two texts of a user/,
    path: /\.content$/,
    why: "The API takes a list of texts too, which keeps them apart"
  },
  {
    sdk: /deepseek/,
    case: /a strict tool/,
    path: /^refused$/,
    why: "The tool is offered without `strict`, and the toolkit checks the parameters"
  },
  {
    sdk: /vercel-openai-compatible/,
    case: /a video/,
    path: /^refused$/,
    why: "Few servers of chat completions read a video, and OpenAI's does not (\"File inputs\"): the next provider may"
  },
  {
    sdk: /vercel-openai-responses/,
    case: /a Word file/,
    path: /^refused$/,
    why: "The Responses API reads Word files, as data and by URL (\"File inputs\"); Vercel's library does not know it"
  },
  {
    sdk: /google/,
    case: /a Word file/,
    path: /^refused$/,
    why: "Gemini reads no Word files (\"Document understanding\"), and would answer 400"
  },
  {
    sdk: /deepseek/,
    case: /a PDF|audio|a video|a Word file$/,
    path: /^refused$/,
    why:
      "Vercel's library drops the file with a warning. A prompt without its file is another prompt, so it is refused here"
  },
  {
    sdk: /deepseek/,
    case: /a text file/,
    path: /\.content$/,
    why: "A text file goes as text, which every model reads"
  },
  {
    sdk: /deepseek/,
    case: /a structured answer/,
    path: /^body\.messages\.0\.content$/,
    why: "The same request in other words"
  },
  {
    sdk: /groq|mistral/,
    case: /a text file/,
    path: /^refused$/,
    why: "A text file goes as text, which every model reads"
  },
  {
    sdk: /groq/,
    case: /streamed/,
    path: /^body\.stream_options$/,
    why: "Groq sends usage on its last chunk anyhow, and takes the field"
  },
  {
    sdk: /groq/,
    case: /a structured answer and a tool/,
    path: /^refused$/,
    why:
      "Vercel's library forces a tool that stands for the answer, which forbids the others. The next provider is asked"
  },
  {
    sdk: /mistral/,
    path: /^body\.messages\.\d\.content$/,
    why: "The API takes one text as it is, or in a list"
  },
  {
    sdk: /mistral/,
    path: /\.content\.\d\.closed$/,
    why: "A thought is closed by default"
  },
  {
    sdk: /mistral/,
    path: /\.(id|tool_call_id)$/,
    why: "The API takes ids of nine letters and digits alone, which other vendors' ids become"
  },
  {
    sdk: /mistral/,
    path: /\.image_url$/,
    why: "The API takes a URL as it is, or in an object"
  },
  {
    sdk: /mistral/,
    case: /an image by URL/,
    path: /^refused$/,
    why: "The API fetches images itself"
  },
  {
    sdk: /mistral/,
    case: /audio/,
    path: /^refused$/,
    why: "Some of its models hear sound"
  },
  {
    sdk: /mistral/,
    path: /\.strict$/,
    why: "A schema that is strict is held to. Vercel's library has an option for it"
  },
  {
    sdk: /openai-responses/,
    path: /^body\.(store|include)(\.|$)/,
    why: "Nothing is stored at the vendor's. So a model that reasons is asked for its thoughts in their encrypted form"
  },
  {
    sdk: /openai-responses/,
    case: /a failed call|not JSON/,
    path: /^body\.input\.2\.output$/,
    why: "The API has no flag for a failure. Vercel's library wraps one in JSON; Holdfast sends its words"
  },
  {
    sdk: /openai-responses/,
    case: /a PDF without a name/,
    path: /filename$/,
    why: "The API wants a name, and the same request has the same one"
  },
  {
    sdk: /openai-responses/,
    case: /a text file/,
    path: /^refused$/,
    why: "A text file goes as text, which every model reads"
  }
]
