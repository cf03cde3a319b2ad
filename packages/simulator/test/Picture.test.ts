import { assert, describe, it } from "@effect/vitest"
import * as Picture from "../src/Picture.ts"
import * as Simulation from "../src/Simulation.ts"

describe("Picture.table", () => {
  const wide = [["", "succeed", "load"], ["before", "99 %", "1 x"]]

  it("stands upright where it fits", () => {
    assert.deepStrictEqual(Picture.table(wide, 21), ["        succeed  load", "before     99 %   1 x"])
    assert.deepStrictEqual(Picture.table(wide), Picture.table(wide, 21))
  })

  it("is turned on its side where it does not, and is narrower then", () => {
    assert.deepStrictEqual(Picture.table(wide, 20), ["         before", "succeed    99 %", "load        1 x"])
  })

  it("stands upright where its side is wider", () => {
    const tall = Picture.table(wide, 20).map((line) => [line.slice(0, 7).trim(), line.slice(7).trim()])
    assert.deepStrictEqual(Picture.table(tall, 3), Picture.table(tall))
  })

  it("of nothing is nothing", () => {
    assert.deepStrictEqual(Picture.table([], 40), [])
  })
})

describe("Picture.compare", () => {
  const system = {
    duration: "10 seconds",
    services: { stock: { latency: 10 } },
    callers: { users: { to: "stock", rate: 5 } }
  } as const

  it("has no recovery where nothing went wrong", () => {
    const [head = "", row = ""] = Picture.compare({ calm: Simulation.run(system) })
    assert.match(head, /recovery$/u)
    assert.match(row, /^calm .* -$/u)
  })

  it("fits its columns, on its side where that is narrower", () => {
    const lines = Picture.compare({ calm: Simulation.run(system) }, { columns: 40 })
    assert.isAtMost(Math.max(...lines.map(({ length }) => length)), 40)
    assert.match(lines.at(-1) ?? "", /^recovery +-$/u)
  })
})
