/**
 * What a predicate of the caller answered, where its types were bypassed: by `any`, or in JavaScript.
 *
 * Guarded by `test/answers.test.ts`.
 */
import { isPromiseLike } from "effect/Predicate"

/** Reads an answer as `if` does. A promise is truthy whatever it resolves to, so it throws: a defect of the call. */
export const isYes = (answer: unknown): boolean => {
  if (typeof answer === "boolean") return answer
  if (isPromiseLike(answer)) {
    // Its rejection is told by the exception.
    answer.then(undefined, () => {})
    throw new TypeError("a predicate of a policy answered with a promise: answer with true or false")
  }
  return Boolean(answer)
}
