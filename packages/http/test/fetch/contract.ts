/**
 * What a program sees of a fetch, as scenarios that give a value. The platform's own fetch says what is right: a
 * scenario does not name what it expects.
 */
import type { ContractServer } from "./server.ts"

type Fetch = typeof globalThis.fetch
export type Scenario = (fetch: Fetch, server: ContractServer) => Promise<unknown>

export const json = async (response: Promise<Response>): Promise<unknown> => (await response).json()

const facts = async (promise: Promise<Response>) => {
  const response = await promise
  const { bodyUsed, headers, ok, redirected, status, statusText, type, url } = response
  const own = [...headers].filter(([name]) => !["date", "connection", "keep-alive", "transfer-encoding"].includes(name))
  const hasBody = response.body !== null
  const text = await response.text()
  return {
    bodyUsed,
    hasBody,
    headers: own.toSorted(),
    ok,
    redirected,
    status,
    statusText,
    text,
    type,
    url: url.replace(/^http:..[^/]*/, ""),
    usedAfter: response.bodyUsed
  }
}

/** What a promise is rejected with: errors by class and name, all else as it is. */
export const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    return { resolved: typeof await promise }
  } catch (error) {
    return { rejected: error instanceof Error || error instanceof DOMException ? described(error) : error }
  }
}

const described = (error: Error | DOMException) => `${error.constructor.name} ${error.name}`

const bytes = (text: string) => new TextEncoder().encode(text)

const streamOf = (...parts: ReadonlyArray<string>) =>
  new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(bytes(part))
      controller.close()
    }
  })

const half = { duplex: "half" } as const

const methods = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "get",
  "post",
  "patch",
  "PROPFIND",
  "QUERY"
]

const requests: Record<string, Scenario> = {
  "a URL object": (fetch, { url }) => json(fetch(new URL("/echo?q=a%20b&c=ü", url))),
  "a query that is odd": (fetch, { url }) => json(fetch(`${url}/echo/a%2Fb/../c?x=1&x=2&&y=%zz#frag`)),
  "custom headers": (fetch, { url }) =>
    json(fetch(`${url}/echo`, { headers: [["X-Custom", " a "], ["X-List", "1"], ["x-list", "2"]] })),
  "an accept header of its own": (fetch, { url }) => json(fetch(`${url}/echo`, { headers: { accept: "text/html" } })),
  "a text": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "POST", body: "grüße" })),
  "an empty text": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "POST", body: "" })),
  "no body": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "POST" })),
  "a lone surrogate": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "POST", body: "\ud800" })),
  "parameters": (fetch, { url }) =>
    json(fetch(`${url}/echo`, { method: "POST", body: new URLSearchParams({ a: "1 2", b: "ü" }) })),
  "a buffer": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "PUT", body: bytes("abc").buffer })),
  "a view": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "PUT", body: bytes("abcdef").subarray(1, 4) })),
  "a view of words": (fetch, { url }) =>
    json(fetch(`${url}/echo`, { method: "PUT", body: new Uint16Array([0x4241, 0x4443]).subarray(1) })),
  "a buffer that is written to after the call": (fetch, { url }) => {
    const buffer = bytes("before")
    const answer = fetch(`${url}/echo`, { method: "PUT", body: buffer })
    buffer.set(bytes("after!"))
    return json(answer)
  },
  "a blob": (fetch, { url }) =>
    json(fetch(`${url}/echo`, { method: "POST", body: new Blob(["ab", "c"], { type: "text/css" }) })),
  "a blob without a type": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "POST", body: new Blob(["abc"]) })),
  "a form": (fetch, { url }) => {
    const form = new FormData()
    form.append("a", "1")
    form.append("a", "zwei ü \"x\"\r\n")
    form.append("f", new File(["content"], "name ü.txt", { type: "text/plain" }))
    return json(fetch(`${url}/echo`, { method: "POST", body: form }))
  },
  "a form that is changed after the call": (fetch, { url }) => {
    const form = new FormData()
    form.append("a", "1")
    const answer = fetch(`${url}/echo`, { method: "POST", body: form })
    form.append("b", "2")
    return json(answer)
  },
  "a content type of its own": (fetch, { url }) =>
    json(fetch(`${url}/echo`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } })),
  "a stream": (fetch, { url }) =>
    json(fetch(`${url}/echo`, { method: "POST", body: streamOf("a", "b", "c"), ...half })),
  "an empty stream": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "POST", body: streamOf(), ...half })),
  "a stream without duplex": (fetch, { url }) =>
    rejection(fetch(`${url}/echo`, { method: "POST", body: streamOf("a") })),
  "a stream that is locked": (fetch, { url }) => {
    const stream = streamOf("a")
    stream.getReader()
    return rejection(fetch(`${url}/echo`, { method: "POST", body: stream, ...half }))
  },
  "a stream that fails": (fetch, { url }) => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new RangeError("own")) })
    return rejection(fetch(`${url}/echo`, { method: "POST", body, ...half }))
  },
  "a number for a body": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "POST", body: 42 as never })),
  "an object for a body": (fetch, { url }) => json(fetch(`${url}/echo`, { method: "POST", body: { a: 1 } as never })),
  "a body for GET": (fetch, { url }) => rejection(fetch(`${url}/echo`, { method: ["GET"].join(), body: "x" })),
  "a relative URL": (fetch) => rejection(fetch("/echo")),
  "an invalid URL": (fetch) => rejection(fetch("http://a b/")),
  "a name in the URL": (fetch) => rejection(fetch("http://user:secret@127.0.0.1/")),
  "an unknown scheme": (fetch) => rejection(fetch("gopher://127.0.0.1/")),
  "an invalid header name": (fetch, { url }) => rejection(fetch(`${url}/echo`, { headers: { "a b": "1" } })),
  "an invalid header value": (fetch, { url }) => rejection(fetch(`${url}/echo`, { headers: { a: "1\n2" } })),
  "a forbidden method": (fetch, { url }) => rejection(fetch(`${url}/echo`, { method: "TRACE" })),
  "an invalid method": (fetch, { url }) => rejection(fetch(`${url}/echo`, { method: "A B" })),
  "an invalid mode": (fetch, { url }) => rejection(fetch(`${url}/echo`, { redirect: "maybe" as never })),
  "an invalid signal": (fetch, { url }) => rejection(fetch(`${url}/echo`, { signal: {} as never })),
  "data:": (fetch) => facts(fetch("data:text/plain;base64,aGk=")),
  "blob:": (fetch) => facts(fetch(URL.createObjectURL(new Blob(["hi"])))).then(({ text }) => text)
}

for (const method of methods) {
  requests[`the method ${method}`] = async (fetch, { url }) => {
    const response = await fetch(`${url}/echo`, { method })
    return [response.status, response.body === null, method === "HEAD" ? "" : await response.json()]
  }
}

const objects: Record<string, Scenario> = {
  "a Request": (fetch, { url }) =>
    json(fetch(new Request(`${url}/echo`, { method: "PUT", body: "abc", headers: { "x-custom": "1" } }))),
  "a Request is used by the call": async (fetch, { url }) => {
    const request = new Request(`${url}/echo`, { method: "PUT", body: "abc" })
    await fetch(request)
    return [request.bodyUsed, await rejection(fetch(request))]
  },
  "a Request without a body twice": async (fetch, { url }) => {
    const request = new Request(`${url}/echo`)
    await (await fetch(request)).text()
    return [request.bodyUsed, await json(fetch(request))]
  },
  "a clone of a Request": async (fetch, { url }) => {
    const request = new Request(`${url}/echo`, { method: "PUT", body: "abc" })
    return [await json(fetch(request.clone())), request.bodyUsed, await json(fetch(request))]
  },
  "a Request whose body was read": async (fetch, { url }) => {
    const request = new Request(`${url}/echo`, { method: "PUT", body: "abc" })
    await request.text()
    return rejection(fetch(request))
  },
  "init over a Request": (fetch, { url }) =>
    json(fetch(new Request(`${url}/echo`, { method: "PUT", body: "abc", headers: { "x-custom": "1" } }), {
      method: "POST",
      body: "other",
      headers: { "x-list": "2" }
    })),
  "a method over a Request": (fetch, { url }) =>
    json(fetch(new Request(`${url}/echo`, { method: "PUT", body: "abc" }), { method: "PATCH" })),
  "a Request with a stream": (fetch, { url }) =>
    fetch(new Request(`${url}/size`, { method: "PUT", body: streamOf("abc", "d"), ...half })).then((r) => r.text()),
  "a large Request": (fetch, { url }) =>
    fetch(new Request(`${url}/size`, { method: "PUT", body: "x".repeat(300_000) })).then((r) => r.text()),
  "a Request with a form": (fetch, { url }) => {
    const form = new FormData()
    form.append("a", "1")
    return json(fetch(new Request(`${url}/echo`, { method: "POST", body: form })))
  }
}

const responses: Record<string, Scenario> = {
  "404 with a text of its own": (fetch, { url }) => facts(fetch(`${url}/status/404?text=Gone%20Fishing&body=no`)),
  "201": (fetch, { url }) => facts(fetch(`${url}/status/201?body=made`)),
  "several cookies": async (fetch, { url }) => {
    const { headers } = await fetch(`${url}/status/200?h-set-cookie=a%3D1%3B%20Path%3D%2F&h-set-cookie=b%3D2`)
    return [headers.getSetCookie(), headers.get("set-cookie"), [...headers].filter(([name]) => name === "set-cookie")]
  },
  "a header twice": async (fetch, { url }) => (await fetch(`${url}/status/200?h-x-a=1&h-x-a=2`)).headers.get("x-a"),
  "immutable headers": async (fetch, { url }) => {
    const { headers } = await fetch(`${url}/status/200`)
    return [
      await rejection((async () => headers.set("a", "1"))()),
      await rejection((async () => headers.append("a", "1"))()),
      await rejection((async () => headers.delete("date"))()),
      headers.has("date")
    ]
  },
  "a body twice": async (fetch, { url }) => {
    const response = await fetch(`${url}/status/200?body=abc`)
    return [await response.text(), await rejection(response.text()), await rejection((async () => response.clone())())]
  },
  "a clone": async (fetch, { url }) => {
    const response = await fetch(`${url}/status/200?body=abc`)
    const clone = response.clone()
    return [
      await response.text(),
      await clone.text(),
      clone.url === response.url,
      clone.status,
      clone.type,
      clone.clone.name
    ]
  },
  "a clone of a clone": async (fetch, { url }) => {
    const response = await fetch(`${url}/status/200?body=abc`)
    const clone = response.clone().clone()
    return [await clone.text(), await response.text(), clone.url.endsWith("/status/200?body=abc")]
  },
  "tee": async (fetch, { url }) => {
    const [a, b] = (await fetch(`${url}/chunks?parts=a,b,c`)).body!.tee()
    return [await new Response(a).text(), await new Response(b).text()]
  },
  "a reader": async (fetch, { url }) => {
    const response = await fetch(`${url}/chunks?parts=a,b,c`)
    const reader = response.body!.getReader()
    let text = ""
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return [text, response.bodyUsed, await rejection(response.text())]
      text += new TextDecoder().decode(value)
    }
  },
  "a reader with a buffer of its own": async (fetch, { url }) => {
    const reader = (await fetch(`${url}/chunks?parts=abc,def`)).body!.getReader({ mode: "byob" })
    let text = ""
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(2))
      if (done) return [text, value?.length]
      text += new TextDecoder().decode(value)
    }
  },
  "for await": async (fetch, { url }) => {
    let text = ""
    for await (const chunk of (await fetch(`${url}/chunks?parts=a,b,c`)).body!) text += new TextDecoder().decode(chunk)
    return text
  },
  "pipeThrough": async (fetch, { url }) => {
    const { body } = await fetch(`${url}/chunks?parts=a,b,c`)
    let text = ""
    for await (const part of body!.pipeThrough(new TextDecoderStream())) text += part
    return text
  },
  "a form": async (fetch, { url }) => {
    const form = await (await fetch(`${url}/form`)).formData()
    const file = form.get("f")
    return [form.get("a"), file instanceof File && [file.name, file.type, await file.text()]]
  },
  "a blob": async (fetch, { url }) => {
    const blob = await (await fetch(`${url}/status/200?body=abc&h-content-type=text/css`)).blob()
    return [blob.type, await blob.text()]
  },
  "bytes": async (fetch, { url }) => [...await (await fetch(`${url}/status/200?body=abc`)).bytes()],
  "an array buffer": async (fetch, { url }) =>
    (await (await fetch(`${url}/status/200?body=abc`)).arrayBuffer()).byteLength,
  "text that is not JSON": async (fetch, { url }) => rejection((await fetch(`${url}/status/200?body=abc`)).json()),
  "an empty body": (fetch, { url }) => facts(fetch(`${url}/status/200`)),
  "instance": async (fetch, { url }) => (await fetch(`${url}/status/200`)) instanceof Response,
  "a cut body": async (fetch, { url }) => {
    const response = await fetch(`${url}/cut`)
    return [response.status, await rejection(response.arrayBuffer())]
  },
  "a reset": (fetch, { url }) => rejection(fetch(`${url}/reset`)),
  "a closed port": (fetch) => rejection(fetch("http://127.0.0.1:1/")),
  "a blocked port": (fetch) => rejection(fetch("http://127.0.0.1:6667/")),
  "an unknown host": (fetch) => rejection(fetch("http://host.invalid/"))
}

for (const status of [204, 205, 304]) {
  responses[`${status} has no body`] = async (fetch, { url }) => {
    const { headers: _, ...rest } = await facts(fetch(`${url}/status/${status}`))
    return rest
  }
}

const redirects: Record<string, Scenario> = {
  "20 hops": (fetch, { url }) => facts(fetch(`${url}/hops/20`)),
  "21 hops": (fetch, { url }) => rejection(fetch(`${url}/hops/21`)),
  "no Location": (fetch, { url }) => facts(fetch(`${url}/redirect/302`)),
  "an invalid Location": (fetch, { url }) => rejection(fetch(`${url}/redirect/302?to=http%3A%2F%2Fa%20b%2F`)),
  "a Location of another scheme": (fetch, { url }) => rejection(fetch(`${url}/redirect/302?to=data:,x`)),
  "a fragment": (fetch, { url }) => facts(fetch(`${url}/redirect/302?to=/echo%23there#here`)),
  "a stream is sent once": (fetch, { url }) =>
    rejection(fetch(`${url}/redirect/307?to=/echo`, { method: "POST", body: streamOf("a"), ...half })),
  "a stream before a 303": (fetch, { url }) =>
    json(fetch(`${url}/redirect/303?to=/echo`, { method: "POST", body: streamOf("a"), ...half })),
  "error": (fetch, { url }) => rejection(fetch(`${url}/redirect/302?to=/echo`, { redirect: "error" })),
  "error without a redirect": (fetch, { url }) => json(fetch(`${url}/echo`, { redirect: "error" })),
  "a Request with redirect: error": (fetch, { url }) =>
    rejection(fetch(new Request(`${url}/redirect/302?to=/echo`, { redirect: "error" }))),
  "manual": (fetch, { url }) => facts(fetch(`${url}/redirect/302?to=/echo`, { redirect: "manual" })),
  "a large body before the target": (fetch, { url }) => json(fetch(`${url}/redirect/302?to=/echo&size=500000`)),
  "HEAD through a redirect": (fetch, { url }) => facts(fetch(`${url}/redirect/302?to=/echo`, { method: "HEAD" })),
  "304 is not a redirect": async (fetch, { url }) => (await fetch(`${url}/redirect/304?to=/echo`)).status,
  "300 is not a redirect": async (fetch, { url }) => (await fetch(`${url}/redirect/300?to=/echo`)).status
}

const secrets = { authorization: "Bearer secret", cookie: "a=1", "x-custom": "1", "content-language": "de" }

for (const status of [301, 302, 303, 307, 308]) {
  for (const method of ["GET", "POST", "PUT"]) {
    for (const where of ["", "&other"]) {
      redirects[`${status} of ${method}${where}`] = async (fetch, { url }) => {
        const body = method === "GET" ? {} : { body: "abc" }
        const response = await fetch(`${url}/redirect/${status}?to=/echo${where}`, {
          method,
          headers: secrets,
          ...body
        })
        return [response.redirected, new URL(response.url).pathname, await response.json()]
      }
    }
  }
}

const aborts: Record<string, Scenario> = {
  "before": async (fetch, { url }) =>
    Promise.all(
      [undefined, "reason", new RangeError("own")].map((reason) =>
        rejection(fetch(`${url}/echo`, { signal: AbortSignal.abort(reason) }))
      )
    ),
  "before, with a mistake": (fetch) => rejection(fetch("http://a b/", { signal: AbortSignal.abort("reason") })),
  "before, with a stream": async (fetch, { url }) => {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const body = new ReadableStream({ cancel: resolve })
    const result = await rejection(
      fetch(`${url}/echo`, { method: "POST", body, signal: AbortSignal.abort("reason"), ...half })
    )
    return [result, await promise]
  },
  "before the head": async (fetch, { url, arrived, aborted }) => {
    const controller = new AbortController()
    const answer = rejection(fetch(`${url}/silent/head`, { signal: controller.signal }))
    await arrived("/silent/head")
    controller.abort("reason")
    await aborted("/silent/head")
    return answer
  },
  "in the same turn": (fetch, { url }) => {
    const controller = new AbortController()
    const answer = rejection(fetch(`${url}/echo`, { signal: controller.signal }))
    controller.abort("reason")
    return answer
  },
  "in the middle of a body": async (fetch, { url, aborted }) => {
    const controller = new AbortController()
    const response = await fetch(`${url}/stall/body`, { signal: controller.signal })
    const text = rejection(response.text())
    controller.abort("reason")
    await aborted("/stall/body")
    return [response.status, await text]
  },
  "before the body is read": async (fetch, { url }) => {
    const controller = new AbortController()
    const response = await fetch(`${url}/stall/unread`, { signal: controller.signal })
    controller.abort(new RangeError("own"))
    return [await rejection(response.text()), response.bodyUsed]
  },
  "after a whole body came": async (fetch, { url }) => {
    const controller = new AbortController()
    const response = await fetch(`${url}/status/200?body=abc`, { signal: controller.signal })
    await response.text()
    controller.abort("reason")
    return response.bodyUsed
  },
  "a reader": async (fetch, { url }) => {
    const controller = new AbortController()
    const reader = (await fetch(`${url}/stall/reader`, { signal: controller.signal })).body!.getReader()
    await reader.read()
    const next = rejection(reader.read())
    const closed = rejection(reader.closed)
    controller.abort("reason")
    return [await next, await closed]
  },
  "a clone": async (fetch, { url }) => {
    const controller = new AbortController()
    const response = await fetch(`${url}/stall/clone`, { signal: controller.signal })
    const texts = [rejection(response.clone().text()), rejection(response.text())]
    controller.abort("reason")
    return Promise.all(texts)
  },
  "a Request's own signal": async (fetch, { url, arrived }) => {
    const controller = new AbortController()
    const answer = rejection(fetch(new Request(`${url}/silent/own`, { signal: controller.signal })))
    await arrived("/silent/own")
    controller.abort("reason")
    return answer
  },
  "a signal over a Request's": async (fetch, { url }) => {
    const request = new Request(`${url}/echo`, { signal: AbortSignal.abort("reason") })
    return [await rejection(fetch(request, { signal: null })), await rejection(fetch(request))]
  },
  "AbortSignal.timeout": (fetch, { url }) =>
    rejection(fetch(`${url}/silent/timeout`, { signal: AbortSignal.timeout(20) })),
  "AbortSignal.any": async (fetch, { url, arrived }) => {
    const controller = new AbortController()
    const signal = AbortSignal.any([controller.signal, new AbortController().signal])
    const answer = rejection(fetch(`${url}/silent/any`, { signal }))
    await arrived("/silent/any")
    controller.abort("reason")
    return answer
  },
  "an upload": async (fetch, { url, arrived }) => {
    const controller = new AbortController()
    const body = new ReadableStream({ start: (stream) => stream.enqueue(bytes("a")) })
    const answer = rejection(
      fetch(`${url}/silent/upload`, { method: "POST", body, signal: controller.signal, ...half })
    )
    await arrived("/silent/upload")
    controller.abort("reason")
    return answer
  },
  "a redirect's target": async (fetch, { url, arrived }) => {
    const controller = new AbortController()
    const answer = rejection(fetch(`${url}/redirect/302?to=/silent/target`, { signal: controller.signal }))
    await arrived("/silent/target")
    controller.abort("reason")
    return answer
  }
}

const streams: Record<string, Scenario> = {
  "cancelling a body frees the connection": async (fetch, { url, aborted }) => {
    const response = await fetch(`${url}/endless/cancel`)
    await response.body!.cancel("reason")
    await aborted("/endless/cancel")
    return [response.bodyUsed, await rejection(response.text())]
  },
  "cancelling a reader frees the connection": async (fetch, { url, aborted }) => {
    const reader = (await fetch(`${url}/endless/reader`)).body!.getReader()
    await reader.read()
    await reader.cancel()
    await aborted("/endless/reader")
    return (await reader.read()).done
  },
  "leaving a loop frees the connection": async (fetch, { url, aborted }) => {
    for await (const _ of (await fetch(`${url}/endless/loop`)).body!) break
    await aborted("/endless/loop")
    return "freed"
  },
  "a large upload": async (fetch, { url }) => {
    let left = 100
    const body = new ReadableStream({
      pull(controller) {
        if (left-- === 0) controller.close()
        else controller.enqueue(new Uint8Array(64 * 1024))
      }
    })
    return (await fetch(`${url}/size`, { method: "PUT", body, ...half })).text()
  },
  "an upload waits while the server does not read": async (fetch, { url }) => {
    let pulled = 0
    const body = new ReadableStream({
      pull(controller) {
        if (pulled++ === 1000) controller.close()
        else controller.enqueue(new Uint8Array(64 * 1024))
      }
    }, { highWaterMark: 0 })
    const controller = new AbortController()
    const { signal } = controller
    const answer = rejection(fetch(`${url}/silent/pressure`, { method: "PUT", body, signal, ...half }))
    for (let before = -1; before !== pulled;) {
      before = pulled
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    controller.abort("reason")
    return [pulled < 1000, await answer]
  },
  "a mirror": async (fetch, { url }) => {
    const body = streamOf("a", "b", "c")
    return (await fetch(`${url}/mirror`, { method: "POST", body, ...half })).text()
  },
  "a large body": async (fetch, { url }) => {
    const body = new Uint8Array(5_000_000).fill(7)
    return (await (await fetch(`${url}/mirror`, { method: "POST", body })).arrayBuffer()).byteLength
  }
}

export const contract = { requests, objects, responses, redirects, aborts, streams }
