/** A server that repeats the key that it was sent does not bring it into an error, in whatever form. */
import { assert, describe, it } from "@effect/vitest"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { law } from "../../../../../vitest.law.ts"
import { scrub } from "../../../src/internal/protocol/refusal/scrub.ts"

const base64 = (text: string): string => Buffer.from(text).toString("base64")
const json = (text: string): string => JSON.stringify(text)
const lower = (text: string): string => text.replaceAll(/%../g, (code) => code.toLowerCase())

/** How a server writes what it repeats, and how a reader gets it back. */
const forms: Readonly<Record<string, readonly [(secret: string) => string, (text: string) => string]>> = {
  "as it is": [(secret) => secret, (text) => text],
  "as JSON": [json, (text) => text],
  "as JSON within JSON": [(secret) => json(json(secret)), (text) => text],
  "in a URL": [encodeURIComponent, decodeURIComponent],
  "in a URL, in lower case": [(secret) => lower(encodeURIComponent(secret)), decodeURIComponent],
  "in a URL within a URL": [
    (secret) => encodeURIComponent(encodeURIComponent(secret)),
    (text) => decodeURIComponent(decodeURIComponent(text))
  ],
  "in base64": [base64, (text) => Buffer.from(text, "base64").toString()],
  "as a password": [(secret) => base64(`name:${secret}`), (text) => Buffer.from(text, "base64").toString()],
  "as a name": [(secret) => base64(`${secret}:`), (text) => Buffer.from(text, "base64").toString()],
  "in base64 for URLs": [
    (secret) => Buffer.from(`x:${secret}`).toString("base64url"),
    (text) => Buffer.from(text, "base64url").toString()
  ],
  "in HTML": [
    (secret) =>
      secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;"),
    (text) => text
  ]
}

const Character = Schema.Literals([..."abcXYZ0189-_/+=.%&<>\"\\ü"])

describe("scrub", () => {
  law(
    "leaves no secret in a text, however it is written",
    {
      secret: Schema.Array(Character).check(Schema.isMinLength(12), Schema.isMaxLength(60)),
      form: Schema.Literals(Object.keys(forms))
    },
    ({ form, secret }) =>
      Effect.sync(() => {
        const key = secret.join("")
        const [write, read] = forms[form]!
        const said = write(key)
        const shown = scrub(`Incorrect key: ${said}. Try again`, [Redacted.make(key)])
        assert.isTrue(shown.startsWith("Incorrect key: ") && shown.endsWith(". Try again"), shown)
        const rest = shown.slice("Incorrect key: ".length, -". Try again".length)
        assert.notInclude(rest, said)
        const back = rest.split("<redacted>").map((part) => {
          try {
            return read(part)
          } catch {
            return part
          }
        })
        assert.isTrue(back.every((part) => !part.includes(key.slice(2, -2))), `${said} is shown as ${rest}`)
      }),
    { cases: 500 }
  )

  it("leaves other words alone", () => {
    const text = "The model nonesuch has none of YWJj, sk- or x"
    assert.strictEqual(scrub(text, [Redacted.make("x"), Redacted.make("abc")]), text)
    assert.strictEqual(
      scrub("none, but not nonesuch", [Redacted.make("none")]),
      "<redacted>, but not nonesuch"
    )
  })
})

it.each(Object.entries(forms))("a refusal that repeats the key %s shows it in nothing", (_, [write]) => {
  const key = "sk-S3CRET/with+signs=="
  const reason = ProviderFailure.toReason({
    status: 401,
    body: { error: { message: `Incorrect API key provided: ${write(key)}`, code: "invalid_api_key" } },
    headers: Headers.fromInput({ "x-request-id": `of ${write(key)}`, server: write(key) }),
    secrets: [Redacted.make(key)],
    now: 0
  })
  assert.notInclude(JSON.stringify(reason) + String(reason), write(key))
  assert.notInclude(JSON.stringify(reason) + String(reason), "S3CRET")
})
