/**
 * Ends a run with the laws that held and on how much each was tried: those tests whose name ends in `(1,000 cases)`, which are
 * random, as `law` names them, or in `(1,000 fault positions)`, which are all that there are. Under a law that names the
 * cases that it is about stands how many inputs reached each.
 */
import type { Reporter } from "vitest/node"

const name = /^(.*) \(([\d,]+) (cases|fault positions)\)$/

export const lawsTried = (): Reporter => ({
  onTestRunEnd(modules) {
    const laws = modules.flatMap((module) =>
      Array.from(module.children.allTests("passed"), (test) => {
        const [, law, count, kind] = name.exec(test.name) ?? []
        const group = test.parent.type === "suite" ? `${test.parent.name}: ` : ""
        const reached = Object.entries<number>(test.meta().law?.reached ?? {})
        return law === undefined || count === undefined ? [] : [{ text: group + law, count, kind, reached }]
      }).flat()
    )
    if (laws.length === 0) return
    const total = (wanted: string) =>
      laws.reduce((sum, { count, kind }) => sum + (kind === wanted ? Number(count.replaceAll(",", "")) : 0), 0)
        .toLocaleString("en")
    const lines = laws.toSorted((a, b) => a.text.localeCompare(b.text, "en", { numeric: true })).map((law) =>
      [
        `${law.count.padStart(9)}  ${law.text}`,
        ...law.reached.map(([what, times]) => `${times.toLocaleString("en").padStart(9)}    reached ${what}`)
      ].join("\n")
    )
    process.stdout.write(
      `\n ${laws.length} laws held, on ${total("cases")} random cases and ${
        total("fault positions")
      } fault positions:\n\n${lines.join("\n")}\n`
    )
  }
})
