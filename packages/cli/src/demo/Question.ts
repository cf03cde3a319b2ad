/**
 * The questions that the demo asks, and the known answers of its three simulated models.
 *
 * **When to use**
 *
 * Use it to judge an answer that came through an outage: whole, cut, or a mixture of two models.
 *
 * **Details**
 *
 * Each model answers the same question in words of its own, so comparing what arrived with {@link answerOf} to the letter tells
 * a whole answer from a cut one, and the answer of one model from a mixture. Some questions need something done first: the
 * model calls the tool `reserve`, and its answer names the reservation.
 *
 * **Gotchas**
 *
 * The first reservation is `R-1`. An answer that names another reservation, or no reservation, shows that the tool ran twice, or
 * never.
 *
 * **Example**
 *
 * `Question.answerOf(Question.all[0], "openai")` is the whole answer of the simulated OpenAI.
 */

/** Who answers. */
export type Model = "openai" | "anthropic" | "ollama"

/** What the tool `reserve` is called with. */
export interface Reserve {
  readonly item: string
  readonly count: number
}

export interface Question {
  /** A name of one word, for events and tests. */
  readonly id: string
  readonly text: string
  /** What is to be reserved before the answer; `undefined` when words are all that is asked for. */
  readonly reserve: Reserve | undefined
  /** What each model says, to the letter. `{reservation}` stands for what the tool gave. */
  readonly answers: Readonly<Record<Model, string>>
}

const budget: Question = {
  id: "budget",
  text: "Why should retries have a budget?",
  reserve: undefined,
  answers: {
    openai:
      "Because a service that is down gets more calls from retries than from users. A budget keeps retries to a " +
      "share of the traffic, so the service can get up again.",
    anthropic:
      "A retry is a bet that the next attempt fares better. In an outage every bet is lost, so a budget says " +
      "how many may be made.",
    ollama:
      "Retries multiply load when there is least room for it. A budget caps them at a share of all calls, and the " +
      "outage ends sooner."
  }
}

const half: Question = {
  id: "half",
  text: "Is half an answer better than none?",
  reserve: undefined,
  answers: {
    openai:
      "Only if you know that it is half. An answer that was cut and looks whole is worse than an error, because " +
      "no reader goes back to check it.",
    anthropic:
      "Half an answer is a claim without its condition. Show it as half, or ask again; never pass it on as the " +
      "whole.",
    ollama: "Not when it looks whole. Check for the end that the protocol promises, and call everything else a failure."
  }
}

const umbrellas: Question = {
  id: "umbrellas",
  text: "Reserve two umbrellas for me.",
  reserve: { item: "umbrella", count: 2 },
  answers: {
    openai:
      "Two umbrellas are set aside for you. Your reservation is {reservation}, and it holds until the rain stops.",
    anthropic:
      "I have put two umbrellas aside under {reservation}; give that number at the counter and they are yours.",
    ollama: "Done: {reservation} holds two umbrellas in your name, ready when you are."
  }
}

const candles: Question = {
  id: "candles",
  text: "Reserve six candles, the power is out.",
  reserve: { item: "candle", count: 6 },
  answers: {
    openai: "Six candles are waiting for you under {reservation}. Mind the curtains, and bring matches of your own.",
    anthropic: "Your six candles are reserved as {reservation}, so the evening will not be entirely dark after all.",
    ollama: "Six candles are kept for you; the number to name at the door is {reservation}."
  }
}

/** Questions that want words alone. */
export const words: ReadonlyArray<Question> = [budget, half]

/** Questions that want something done as well. */
export const errands: ReadonlyArray<Question> = [umbrellas, candles]

/** One of each. */
export const mixed: ReadonlyArray<Question> = [budget, umbrellas]

export const all: ReadonlyArray<Question> = [...words, ...errands]

/** The number of a person's first reservation. */
export const firstReservation = "R-1"

/** What a model does next: it says something, or has something reserved. */
export type Reply =
  | { readonly _tag: "Say"; readonly text: string }
  | { readonly _tag: "Reserve"; readonly params: Reserve }

/** The words of a model, with the reservation in them. */
export const answerOf = (question: Question, by: Model, reservation = firstReservation): string =>
  question.answers[by].replace("{reservation}", reservation)

/**
 * What a model does when it is asked `text`, given what its tool has said so far, if anything. A text that is not one of
 * the demo's gets a short standard answer, and so does an errand when no tool is offered.
 */
export const reply = (by: Model, asked: {
  readonly text: string
  readonly offersTool: boolean
  readonly toolSaid: string | undefined
}): Reply => {
  const text = asked.text.trim()
  const question = all.find((question) => question.text === text)
  const reservation = asked.toolSaid === undefined ? undefined : /R-\d+/u.exec(asked.toolSaid)?.[0] ?? "no number"
  if (question?.reserve !== undefined && reservation === undefined && asked.offersTool) {
    return { _tag: "Reserve", params: question.reserve }
  }
  return question === undefined || (question.reserve !== undefined && reservation === undefined)
    ? { _tag: "Say", text: `This is the simulated ${by} of the Holdfast demo. You asked: ${text}` }
    : { _tag: "Say", text: answerOf(question, by, reservation) }
}

/** The pieces in which a model says an answer: one a word, with the white space that follows it. */
export const pieces = (answer: string): ReadonlyArray<string> => answer.match(/\s*\S+\s*/gu) ?? []

/** The pieces in which a model writes the arguments of a tool. */
export const fragments = (params: Reserve): ReadonlyArray<string> => JSON.stringify(params).match(/.{1,7}/gu) ?? []
