/** Which segments of a path are shown, and which are not. */
import { assert, describe, it } from "@effect/vitest"
import { CurrentRedactedPaths } from "@holdfast/http/RedactedPaths"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import { hiddenUrl, isPlain, urlSecrets } from "../../src/internal/secrets/hiddenUrl.ts"
import { Emitted } from "../Emitted.ts"

const secrets = urlSecrets(undefined)

/** The shapes are those of the makers' documentation; the values are made up. */
const hidden: ReadonlyArray<readonly [path: string, shown: string]> = [
  ["/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe", "/bot110201543:REDACTED/getMe"],
  ["/bot110201543%3AAAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe", "/bot110201543%3AREDACTED/getMe"],
  ["/file/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/a.jpg", "/file/bot110201543:REDACTED/a.jpg"],
  ["/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", "/services/T00000000/B00000000/REDACTED"],
  ["/api/webhooks/1234567890/abcDEF_ghiJKL-mnoPQR123456", "/api/webhooks/1234567890/REDACTED"],
  ["/v1/keys/sk-proj-abc123DEF456ghi789", "/v1/keys/REDACTED"],
  ["/v1/keys/sk_live_4eC39HqLyjWDarjtT1zdp7dc?x=1", "/v1/keys/REDACTED?x=1"],
  ["/tokens/ghp_16C7e42F292c6912E7710c838347Ae178B4a", "/tokens/REDACTED"],
  ["/tokens/github_pat_11ABCDEFG0123456789_abc", "/tokens/REDACTED"],
  ["/t/glpat-1234567890abcdefghij/x", "/t/REDACTED/x"],
  ["/t/xoxb-123456789012-abcdefABCDEF", "/t/REDACTED"],
  ["/t/AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY", "/t/REDACTED"],
  ["//services//T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", "//services//T00000000/B00000000/REDACTED"],
  ["/hooks/catch/1234567/abc123x/", "/hooks/catch/1234567/REDACTED/"],
  ["/webhookb2/a@b/IncomingWebhook/0123456789abcdef0123456789abcdef/c", "/webhookb2/a@b/IncomingWebhook/REDACTED/c"],
  ["/t/gsk_0123456789abcdefABCDEF", "/t/REDACTED"],
  ["/t/xai-0123456789abcdefABCDEF", "/t/REDACTED"],
  ["/t/SG.0123456789abcdef.ABCDEF", "/t/REDACTED"],
  ["/%62ot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe", "/bot110201543:REDACTED/getMe"],
  ["/t/gsk_0123456789abcdefABCDEF/sk%2Dproj%2Dabc123DEF456ghi789", "/t/REDACTED/REDACTED"],
  ["/v1/keys/sk%2Dproj%2Dabc123DEF456ghi789", "/v1/keys/REDACTED"],
  ["/v1/keys?u=sk-proj-abc123DEF456ghi789&a=1", "/v1/keys?u=REDACTED&a=1"],
  ["/a/sk-proj-abc123DEF456ghi789,b", "/a/REDACTED,b"],
  ["/a/(sk-proj-abc123DEF456ghi789)", "/a/(REDACTED)"],
  ["/a/sk-proj-abc123DEF456ghi789=/x", "/a/REDACTED=/x"],
  [
    "/calendar/ical/a%40example.com/private-0123456789abcdef0123456789abcdef/basic.ics",
    "/calendar/ical/a%40example.com/REDACTED/basic.ics"
  ],
  // What is random behind a segment that says so.
  ["/reset-password/3f9a1c7be2d84b60a5c1f0e9d8b7a6c5", "/reset-password/REDACTED"],
  ["/users/password_reset/Zx81kQv0TmB2nR7pLw3s", "/users/password_reset/REDACTED"],
  ["/verify/6ba7b810-9dad-11d1-80b4-00c04fd430c8?next=/home", "/verify/REDACTED?next=/home"],
  ["/verify/aaaaaaaa-bbbb-4ccc-8ddd-123456789012", "/verify/REDACTED"],
  ["/confirm-email/Zx81kQv0TmB2nR7pLw3s==", "/confirm-email/REDACTED"],
  ["/auth/magic-link/Zx81kQv0TmB2nR7pLw3s/open", "/auth/magic-link/REDACTED/open"],
  ["/Invite/Zx81kQv0TmB2nR7pLw3s", "/Invite/REDACTED"],
  ["/unsubscribe//Zx81kQv0TmB2nR7pLw3s", "/unsubscribe//REDACTED"],
  ["/trigger/door/with/key/dQ7x81kQv0TmB2nR7pLw3s", "/trigger/door/with/key/REDACTED"],
  ["/webhook/6ba7b810-9dad-11d1-80b4-00c04fd430c8", "/webhook/REDACTED"],
  ["/api/token/0123456789abcdef01234567", "/api/token/REDACTED"],
  ["/r%65set/3f9a1c7be2d84b60a5c1f0e9d8b7a6c5", "/reset/REDACTED"],
  ["/verify/eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeKKF2QT4", "/verify/REDACTED"]
]

it.each(hidden)("hides the token of %s", (path, shown) => {
  for (const host of ["", "https://api.example", "http://127.0.0.1:8080"]) {
    assert.isFalse(isPlain(host + path))
    assert.strictEqual(hiddenUrl(host + path, secrets), host + shown)
  }
})

const shown: ReadonlyArray<string> = [
  "/items/42",
  "/p/glass-table-120x60-oak-top",
  "/p/glow-in-the-dark-stars-100-pack",
  "/blog/sk-telecom-results-2026-q3",
  "/r/rk-3588-board-review-2026",
  "/n/npm_and_yarn-bump-lodash-4.17.21",
  "/hf_training_run_2026_11_27",
  "/services/translate/batch/document-translation",
  "/caf%C3%A9/a%20b/%2Fc",
  "/items?q=sk-learn-a-guide-to-all-of-it&r=50%25",
  "/items/6ba7b810-9dad-11d1-80b4-00c04fd430c8",
  "/commits/9fceb02d0ae598e95dc970b74767f19372d61af8",
  "/2026/11/27/how-to-keep-a-secret",
  "/sk-sk/domov",
  "/docs/sk-learn-a-guide-to-all-of-it",
  "/bots/list",
  "/bot/42:abc",
  "/services/Tools/Builders/carpenters",
  "/webhooks/42/deliveries",
  "/npm_and_yarn/packages",
  "/users/hf_alice",
  "/o/xoxo",
  "/repos/ghost/tags",
  // Ids that are as random as a token.
  "/v1/customers/cus_NffrFeUfNV2Hib",
  "/v1/payment_intents/pi_3MtwBwLkdIwHu7ix28a3tqPa/confirm",
  "/v1/tokens/tok_1N3T00LkdIwHu7ixt44h1F8k",
  "/spreadsheets/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgVE2upms/edit",
  "/bucket/2026/11/27/4f7e6b5c-AbCdEf0123456789/part-00000.snappy.parquet",
  "/ipfs/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPBdG/readme",
  "/ipfs/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
  "/tx/0x5c504ed432cb51138bcf09aa5e8a410dd4a1e204ef84bfed1be16dfba1b22060",
  "/address/1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
  "/v2/library/alpine/blobs/sha256:9fceb02d0ae598e95dc970b74767f19372d61af89fceb02d0ae598e95dc970b7",
  "/watch/dQw4w9WgXcQ",
  "/track/11dFghVXANMlKmJXsNCbNl",
  "/api/events/01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "/collections/507f1f77bcf86cd799439011",
  "/v1/threads/thread_abc123DEF456ghi789JKL012/runs",
  "/v1/messages/msg_01XFDUDYJgAACzvnptvVoYEL",
  "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Calls.json",
  "/v1/projects/-/serviceAccounts/112233445566778899001",
  "/api/v4/personal_access_tokens/42",
  "/api/keys/6ba7b810-9dad-11d1-80b4-00c04fd430c8",
  "/invitations/6ba7b810-9dad-11d1-80b4-00c04fd430c8",
  "/api/webhooks/6ba7b810/deliveries/42",
  // Behind a word of a secret's, but not random.
  "/token/introspect",
  "/verify/document-of-identity-2026",
  "/reset/all-the-things-to-factory-settings",
  "/share/how-to-write-a-good-readme",
  "/join/the-friends-of-the-museum-2026",
  "/key/1234567890123456789",
  "/confirm/1234567890123456",
  "/oauth/token",
  "/.well-known/jwks/key/ids"
]

it.each(shown)("shows %s", (path) => {
  assert.strictEqual(hiddenUrl(path, secrets), path)
  assert.strictEqual(hiddenUrl(`https://api.example${path}`, secrets), `https://api.example${path}`)
})

it("shows a host that begins like a token", () => {
  const url = "https://sk-abcdef123456ghi789.example/items"
  assert.strictEqual(hiddenUrl(url, secrets), url)
})

describe("the paths of a program", () => {
  const cases: ReadonlyArray<readonly [paths: ReadonlyArray<string | RegExp>, url: string, shown: string]> = [
    [["/v3/:key"], "https://node.example/v3/6b1a9", "https://node.example/v3/REDACTED"],
    [["/v3/:key"], "https://node.example/v3/6b1a9/blocks?x=1#y", "https://node.example/v3/REDACTED/blocks?x=1#y"],
    [["/v3/:key"], "https://node.example//v3///6b1a9", "https://node.example//v3///REDACTED"],
    [["/v3/:key"], "https://node.example/v3/6b%31a9", "https://node.example/v3/REDACTED"],
    [["/v3/:key"], "https://node.example/%763/6b1a9", "https://node.example/v3/REDACTED"],
    [["/v3/:key"], "https://node.example/v3", "https://node.example/v3"],
    [["/v3/:key"], "https://node.example/v3/", "https://node.example/v3/"],
    [["/v3/:key"], "https://node.example/v2/6b1a9", "https://node.example/v2/6b1a9"],
    [["/v3/:key"], "https://node.example/a/v3/6b1a9", "https://node.example/a/v3/6b1a9"],
    [["/v3/:key"], "/v3/6b1a9", "/v3/REDACTED"],
    [["/users/*/feed/:token"], "https://a.example/users/7/feed/x.ics", "https://a.example/users/7/feed/REDACTED"],
    [["/:token"], "https://a.example/abc?b=c", "https://a.example/REDACTED?b=c"],
    [["inv_"], "https://a.example/x/inv_1/y", "https://a.example/x/REDACTED/y"],
    [["inv_"], "https://a.example/x/ainv_1?u=inv_2", "https://a.example/x/ainv_1?u=REDACTED"],
    [
      [/^[\da-f]{40}$/g],
      "https://a.example/9fceb02d0ae598e95dc970b74767f19372d61af8/9fceb02d0ae598e95dc970b74767f19372d61af8",
      "https://a.example/REDACTED/REDACTED"
    ],
    [[/./], "https://a.example/x/y", "https://a.example/REDACTED/REDACTED"],
    [[""], "https://a.example/x", "https://a.example/x"],
    [[], "https://a.example/v3/6b1a9", "https://a.example/v3/6b1a9"],
    [["/go"], "https://a.example/go/x", "https://a.example/go/x"],
    [["/v3/:key"], "https://a.example/?to=https://node.example/v3/6b1a9", "https://a.example/?to=REDACTED"]
  ]

  it.effect.each(cases)("%s hide in %s", ([paths, url, wanted]) =>
    Effect.gen(function*() {
      const request = yield* Effect.map(HttpClient.get(url), (response) => response.request)
      assert.strictEqual(request.url, wanted)
    }).pipe(
      Effect.provideService(CurrentRedactedPaths, paths),
      Effect.provide(
        Layer.provide(ResilientHttpClient.layer({ retry: false }), TestTransport.layer([TestTransport.respond(200)]))
      )
    ))

  it.effect("are in nothing that is emitted, where a call fails and where it succeeds", () =>
    Effect.gen(function*() {
      const emitted = new Emitted()
      const call = Effect.exit(HttpClient.get("https://node.example/v3/ab12secret/blocks"))
      const saying = HttpClient.make((request) =>
        Effect.fail(
          new HttpClientError.HttpClientError({
            reason: new HttpClientError.TransportError({ request, cause: new Error("no route for ab12secret") })
          })
        )
      )
      const under = (layer: Layer.Layer<HttpClient.HttpClient>) =>
        Effect.provide(call, Layer.provide(ResilientHttpClient.layer({ retry: false }), layer))
      const answered = under(TestTransport.layer([TestTransport.respond(503)]))
      const lost = under(Layer.succeed(HttpClient.HttpClient, saying))
      emitted.add(
        yield* emitted.of(Effect.all([answered, lost])).pipe(
          Effect.provideService(CurrentRedactedPaths, ["/v3/:key"])
        )
      )
      const shown = yield* emitted.shown
      assert.isTrue(shown.some((text) => text.includes("/v3/REDACTED/blocks")))
      assert.deepStrictEqual(shown.filter((text) => text.includes("ab12secret")), [])
    }))
})
