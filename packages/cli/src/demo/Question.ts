/**
 * The questions that the demo asks, and the answers that its two simulated models are known to give.
 *
 * The cloud and Ollama answer the same question in different words. That is how the demo can tell a whole answer from a
 * cut one, and an answer of one model from a mixture of two: it compares what arrived with what was said, to the letter.
 */

export interface Question {
  /** A name of one word, for events and tests. */
  readonly id: string
  readonly text: string
  /** What the simulated cloud says, to the letter. */
  readonly cloud: string
  /** What the simulated Ollama says, to the letter. */
  readonly ollama: string
}

/** The questions that every act of the demo asks, each once as a whole and once as a stream. */
export const all: ReadonlyArray<Question> = [
  {
    id: "budget",
    text: "Why should retries have a budget?",
    cloud: "Because a service that is down gets more calls from retries than from users. A budget keeps retries to a " +
      "share of the traffic, so the service can get up again.",
    ollama:
      "Retries multiply load when there is least room for it. A budget caps them at a share of all calls, and the " +
      "outage ends sooner."
  },
  {
    id: "cut",
    text: "Is half an answer better than none?",
    cloud: "Only if you know that it is half. An answer that was cut and looks whole is worse than an error, because " +
      "nobody goes back to check it.",
    ollama: "Not when it looks whole. Check for the end that the protocol promises, and call everything else a failure."
  }
]

/** The answer to a text, by the one who is asked. A text that is not one of the demo's gets a short standard answer. */
export const answerTo = (text: string, by: "cloud" | "ollama"): string =>
  all.find((question) => question.text === text.trim())?.[by]
    ?? `This is the simulated ${by === "cloud" ? "cloud" : "Ollama"} of the Holdfast demo. You asked: ${text.trim()}`

/** The pieces in which a model says an answer: one a word, with the white space that follows it. */
export const pieces = (answer: string): ReadonlyArray<string> => answer.match(/\s*\S+\s*/gu) ?? []
