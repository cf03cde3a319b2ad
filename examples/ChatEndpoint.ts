/**
 * An endpoint that streams the answer of a model.
 *
 * Until the first byte arrives, a failure of the model's server is retried: no reader has seen anything. After it, a failure
 * is not retried: half an answer followed by another one is neither. The caller says how long the answer is of use
 * (`deadline-remaining-ms`), and the model's server gets the time that is left. When the time is over, so is the work.
 */
import { Backoff, PolicyError } from "@holdfast/core"
import { DeadlineHeader, ResilientHttpClient } from "@holdfast/http"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import {
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"

/** The line after which the answer is whole. */
export const terminator = "[done]"

/** The answer broke off: what was sent of it is not all. */
class AnswerCut extends Schema.Error<AnswerCut>("examples/AnswerCut")({ _tag: Schema.tag("AnswerCut") }) {
  override get message(): string {
    return "The answer ended without its terminator"
  }
}

type Failure = HttpClientError.HttpClientError | AnswerCut

/** The model: one line of its answer at a time, from a server that may fail. */
export class Model extends Context.Service<Model, {
  /** Succeeds with the first byte of the answer. */
  readonly ask: (prompt: string) => Effect.Effect<Stream.Stream<string, Failure>, HttpClientError.HttpClientError>
}>()("examples/Model") {
  static layer(url: string): Layer.Layer<Model, never, HttpClient.HttpClient> {
    return Layer.effect(Model, makeModel).pipe(
      Layer.provide(ResilientHttpClient.layer({
        name: "model",
        baseUrl: url,
        retry: { times: 3, backoff: Backoff.exponential({ initial: "20 millis", max: "1 second" }) },
        timeouts: { attempt: "10 seconds", total: "1 minute" },
        // No reader has seen the answer yet, so it may be made again.
        idempotent: true,
        deadlineHeader: true,
        commit: "firstByte"
      }))
    )
  }
}

const makeModel = Effect.gen(function*() {
  const client = yield* HttpClient.HttpClient
  return {
    ask: Effect.fn("Model.ask")(function*(prompt) {
      const request = HttpClientRequest.post("/answers")
      const response = yield* Effect.flatMap(
        client.execute(HttpClientRequest.bodyText(request, prompt)),
        HttpClientResponse.filterStatusOk
      )
      let isWhole = false
      const lines = response.stream.pipe(
        Stream.decodeText,
        Stream.splitLines,
        Stream.takeUntil((line) => isWhole = line === terminator, { excludeLast: true })
      )
      const proof = Effect.suspend(() => isWhole ? Effect.void : Effect.fail(new AnswerCut()))
      return Stream.concat(lines, Stream.fromEffectDrain(proof))
    })
  } satisfies Model["Service"]
})

/** `POST /chat` with a prompt gives the answer line by line, and ends it with the terminator. */
export const ChatRoute = HttpRouter.add(
  "POST",
  "/chat",
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const model = yield* Model
    const prompt = yield* Effect.orDie(request.text)
    const answer = DeadlineHeader.within(model.ask(prompt), request.headers)
    return yield* Effect.match(answer, {
      onFailure: (error) => HttpServerResponse.text(error.message, { status: isLate(error) ? 504 : 503 }),
      // A stream that fails ends the connection, so that a cut answer does not look like a whole one.
      onSuccess: (lines) =>
        HttpServerResponse.stream(
          Stream.concat(lines, Stream.make(terminator)).pipe(Stream.map((line) => `${line}\n`), Stream.encodeText),
          { contentType: "text/plain" }
        )
    })
  })
)

const isLate = (error: unknown): boolean => {
  const cause = HttpClientError.isHttpClientError(error) ? error.cause : error
  return PolicyError.isPolicyError(cause) && cause.reason._tag === "DeadlineExceeded"
}
