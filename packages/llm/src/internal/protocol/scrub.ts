import * as Redacted from "effect/Redacted"

/** A text without secrets: a server may repeat the key that it was sent, as it is or as JSON writes it. */
export const scrub = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets.map(Redacted.value).flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]).reduce(
    (text, secret) => secret === "" ? text : text.replaceAll(secret, "<redacted>"),
    text
  )
