/**
 * Ends a run with the laws that held and on how many random cases each was tried: those tests whose name ends in
 * `(1,000 cases)`, as `law` names them.
 */
import type { Reporter } from "vitest/node"

const name = /^(.*) \(([\d,]+) cases\)$/

export const lawsTried = (): Reporter => ({
  onTestRunEnd(modules) {
    const laws = modules.flatMap((module) =>
      Array.from(module.children.allTests("passed"), (test) => {
        const [, law, cases] = name.exec(test.name) ?? []
        const group = test.parent.type === "suite" ? `${test.parent.name}: ` : ""
        return law === undefined || cases === undefined ? [] : [{ text: group + law, cases }]
      }).flat()
    )
    if (laws.length === 0) return
    const total = laws.reduce((sum, { cases }) => sum + Number(cases.replaceAll(",", "")), 0)
    const lines = laws.map(({ cases, text }) => `${cases.padStart(9)}  ${text}`).toSorted((a, b) =>
      a.slice(11).localeCompare(b.slice(11), "en", { numeric: true })
    )
    process.stdout.write(
      `\n ${laws.length} laws held, on ${total.toLocaleString("en")} random cases:\n\n${lines.join("\n")}\n`
    )
  }
})
