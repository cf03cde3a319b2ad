/** What takes the options of a policy and of its transport reports the faults of both at once, each by its path. */
import { assert, describe, it } from "@effect/vitest"
import * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
import * as UndiciFetch from "@holdfast/http/UndiciFetch"

const makers: Readonly<Record<string, (options: object) => unknown>> = {
  "UndiciFetch.createFetch": UndiciFetch.createFetch,
  "ResilientDispatcher.make": ResilientDispatcher.createDispatcher
}

const cases: ReadonlyArray<readonly [options: object, paths: ReadonlyArray<string>]> = [
  [{ retry: { times: -1 } }, ["retry.times"]],
  [{ transport: { connections: 0 } }, ["transport.connections"]],
  [{ retry: { times: -1 }, transport: { connections: 0 } }, ["retry.times", "transport.connections"]],
  [
    { timeouts: { attempt: "5 bananas" }, bogus: 1, transport: { keepAlive: "x", nope: 2, proxy: { url: "ftp://a" } } },
    ["timeouts.attempt", "bogus", "transport.keepAlive", "transport.nope", "transport.proxy.url"]
  ],
  [{ bogus: 1, transport: "x" }, ["bogus", "transport"]],
  [{ bogus: 1, transport: null }, ["bogus", "transport"]],
  [
    {
      bogus: 1,
      transport: {
        get connections() {
          throw new Error("no number today")
        }
      }
    },
    ["bogus", "transport.connections"]
  ]
]

describe.each(Object.entries(makers))("%s", (name, make) => {
  it.each(cases.map(([options, paths]) => ({ paths, options: () => options })))(
    "names $paths",
    ({ options, paths }) => {
      let message = ""
      try {
        make(options())
      } catch (thrown) {
        message = String(thrown)
      }
      const several = paths.length === 1 ? "" : `${paths.length} options are invalid: `
      assert.isTrue(message.startsWith(`RangeError: ${name}: ${several}`), message)
      for (const path of paths) assert.include(message, `${path} `)
    }
  )
})

it("ResilientDispatcher.make names the decoding that it does not do beside the rest", () => {
  const transport: object = { connections: 0, maxDecodedSize: 1 }
  assert.throws(
    () => ResilientDispatcher.createDispatcher({ transport }),
    RangeError,
    /2 options are invalid: transport.connections must be .*; transport.maxDecodedSize must be left out/
  )
})
