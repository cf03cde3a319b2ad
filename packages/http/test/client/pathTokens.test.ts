/** Which segments of a path are shown, and which are not. */
import { assert, it } from "@effect/vitest"
import * as UrlParams from "effect/http/UrlParams"
import { hiddenUrl, isPlain, withSecretNames } from "../../src/internal/secrets/hiddenUrl.ts"

const names = withSecretNames(UrlParams.CurrentRedactedNames.defaultValue())

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
  ["/verify/eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeKKF2QT4", "/verify/REDACTED"]
]

it.each(hidden)("hides the token of %s", (path, shown) => {
  for (const host of ["", "https://api.example", "http://127.0.0.1:8080"]) {
    assert.isFalse(isPlain(host + path))
    assert.strictEqual(hiddenUrl(host + path, names), host + shown)
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
  "/repos/ghost/tags"
]

it.each(shown)("shows %s", (path) => {
  assert.strictEqual(hiddenUrl(path, names), path)
  assert.strictEqual(hiddenUrl(`https://api.example${path}`, names), `https://api.example${path}`)
})

it("shows a host that begins like a token", () => {
  const url = "https://sk-abcdef123456ghi789.example/items"
  assert.strictEqual(hiddenUrl(url, names), url)
})
