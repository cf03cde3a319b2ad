/** The systems in the guides are valid, and make of themselves what the guides say. */
import { assert, it } from "@effect/vitest"
import * as ConfigFile from "@holdfast/http/ConfigFile"
import * as Simulation from "@holdfast/simulator/Simulation"
import * as SystemData from "@holdfast/simulator/SystemData"
import * as Effect from "effect/Effect"
import { globSync, readFileSync } from "node:fs"

const root = new URL("../../../", import.meta.url).pathname

const systems = globSync("docs/*.md", { cwd: root }).toSorted().flatMap((file) =>
  [...readFileSync(`${root}${file}`, "utf8").matchAll(/^```yaml\n(.*?)^```/gmsu)]
    .map(([, text = ""], i): readonly [string, string] => [`${file}, ${i + 1}`, text])
    .filter(([, text]) => /^services:/mu.test(text))
)

it("finds the systems", () => assert.isAtLeast(systems.length, 4))

it.each(systems)("%s", async (_, text) => {
  const data = await Effect.runPromise(Effect.flatMap(ConfigFile.parse(text), SystemData.decode))
  const { figures } = Simulation.run({ ...SystemData.toSystem(data), duration: "70 seconds" })
  assert.isAbove(figures.whole.calls, 50)
  assert.isAbove(figures.before?.success ?? figures.whole.success, 0.98)
})
