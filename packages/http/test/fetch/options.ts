/**
 * What the second argument of a fetch asks for beside method, headers and body, as scenarios. The platform's own fetch says
 * what is right.
 */
import { json, rejection, type Scenario } from "./contract.ts"

const told = async (response: Promise<Response>) => {
  const { redirected, type } = await response
  return [redirected, type, await json(response)]
}

const digest = async (algorithm: "SHA-256" | "SHA-384" | "SHA-512", text: string): Promise<string> => {
  const bytes = await crypto.subtle.digest(algorithm, new TextEncoder().encode(text))
  return `${algorithm.replace("-", "").toLowerCase()}-${Buffer.from(bytes).toString("base64")}`
}

const abc = "/status/200?body=abc"

export const options: Record<string, Scenario> = {
  "a Request for the options": (fetch, { url }) =>
    told(
      fetch(`${url}/echo`, new Request("http://unused/", { method: "POST", body: "a", headers: { "x-custom": "1" } }))
    ),
  "a Request for the options of a Request": (fetch, { url }) =>
    told(
      fetch(
        new Request(`${url}/echo`, { headers: { "x-list": "1" } }),
        new Request("http://unused/", { method: "PUT", body: "a", headers: { "x-custom": "1" } })
      )
    ),
  "the signal of a Request for the options": (fetch, { url }) =>
    rejection(fetch(`${url}/silent`, new Request("http://unused/", { signal: AbortSignal.abort(new Error("why")) }))),
  "inherited options": (fetch, { url }) => told(fetch(`${url}/echo`, Object.create({ method: "POST", body: "a" }))),
  "options by getters": (fetch, { url }) => {
    class Options {
      readonly method = "PUT"
      get body() {
        return "a"
      }
    }
    return told(fetch(`${url}/echo`, new Options()))
  },
  "options that are a number": (fetch, { url }) => rejection(fetch(`${url}/echo`, 5 as never)),
  "options that are null": (fetch, { url }) => told(fetch(`${url}/echo`, null as never)),
  "an empty query": async (fetch, { url }) => told(fetch(`${url}/echo?#there`)),
  "a digest": async (fetch, { url }) =>
    json(fetch(`${url}/status/200?body=1`, { integrity: await digest("SHA-256", "1") })),
  "a digest of another body": async (fetch, { url }) =>
    rejection(fetch(url + abc, { integrity: await digest("SHA-256", "abd") })),
  "one digest of two": async (fetch, { url }) =>
    (await fetch(url + abc, { integrity: `${await digest("SHA-384", "x")} ${await digest("SHA-384", "abc")}` })).text(),
  "a weak digest that is right beside a strong one that is not": async (fetch, { url }) =>
    rejection(fetch(url + abc, { integrity: `${await digest("SHA-256", "abc")} ${await digest("SHA-512", "x")}` })),
  "a strong digest that is right beside a weak one that is not": async (fetch, { url }) =>
    (await fetch(url + abc, { integrity: `${await digest("SHA-256", "x")} ${await digest("SHA-512", "abc")}` })).text(),
  "digests of no known algorithm": async (fetch, { url }) =>
    (await fetch(url + abc, { integrity: "md5-abc x" })).text(),
  "a digest in the alphabet of URLs, with options": async (fetch, { url }) => {
    const text = "~".repeat(50)
    const integrity = (await digest("SHA-512", text)).replaceAll("+", "-").replaceAll("/", "_")
    return (await fetch(`${url}/status/200?body=${text}`, { integrity: `${integrity}?a=b` })).text()
  },
  "a digest, and a clone": async (fetch, { url }) => {
    const response = await fetch(url + abc, { integrity: await digest("SHA-256", "abc") })
    return [
      await response.clone().text(),
      await response.text(),
      response.statusText,
      response.headers.get("date") !== null
    ]
  },
  "a digest of what a redirect leads to": async (fetch, { url }) =>
    (await fetch(`${url}/redirect/302?to=${encodeURIComponent(abc)}`, { integrity: await digest("SHA-256", "abc") }))
      .text(),
  "a Location with a password": (fetch, { url }) =>
    rejection(fetch(`${url}/redirect/302?to=${encodeURIComponent(url.replace("//", "//u:p@"))}/echo`)),
  "a Location of another origin, and back": async (fetch, { other, url }) => {
    const back = `${other}/redirect/302?to=${encodeURIComponent(`${url}/echo`)}`
    return told(fetch(`${url}/redirect/302?to=${encodeURIComponent(back)}`))
  },
  "a Location of another origin, and on within it": async (fetch, { other, url }) => {
    const on = `${other}/redirect/302?to=/echo`
    return told(fetch(`${url}/redirect/302?to=${encodeURIComponent(on)}`))
  },
  "a Location beyond ASCII": (fetch, { url }) =>
    told(fetch(`${url}/redirect/302?to=${encodeURIComponent(Buffer.from("/echo/\u00e9\u20ac").toString("latin1"))}`)),
  "a Location of bytes that are not UTF-8": (fetch, { url }) =>
    told(fetch(`${url}/redirect/302?to=${encodeURIComponent("/echo/\u00e9")}`))
}

for (const cache of ["default", "no-store", "reload", "no-cache", "force-cache"] as const) {
  options[`cache: ${cache}`] = (fetch, { url }) => told(fetch(`${url}/echo`, { cache }))
  options[`cache: ${cache}, with a header of its own`] = (fetch, { url }) =>
    told(fetch(`${url}/echo`, { cache, headers: { "cache-control": "max-age=9" } }))
}

const policies = [
  "",
  "no-referrer",
  "unsafe-url",
  "origin",
  "no-referrer-when-downgrade",
  "strict-origin",
  "strict-origin-when-cross-origin"
] as const

for (const referrerPolicy of policies) {
  options[`referrerPolicy: ${JSON.stringify(referrerPolicy)}`] = async (fetch, { other, url }) => {
    const init = { referrer: `${url}/page?a=b#c`, referrerPolicy }
    const shown = async (target: string) =>
      JSON.stringify(await told(fetch(target, init))).replaceAll(url, "home").replaceAll(other, "other")
    return [await shown(`${url}/echo`), await shown(`${other}/echo`), await shown(`${url}/redirect/302?to=/echo&other`)]
  }
}
