/**
 * A page, its style, and its tables.
 *
 * Guarded by `test/Page.test.ts`.
 */

/** A text within markup. */
export const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

/** Lines differ by colour and by dashes. The colours have a contrast of 4.5 on both papers. */
export const dashes: ReadonlyArray<string> = ["", "6 4", "2 3", "10 3 2 3", "1 4"]

/** The mark of a line, by its place among the lines. */
export const key = (index: number): string =>
  `<svg class="key" viewBox="0 0 24 6" aria-hidden="true"><polyline class="l${
    index % dashes.length
  }" points="0,3 24,3" stroke-dasharray="${dashes[index % dashes.length]}"/></svg>`

/** A table whose cells are markup, the first of a row its heading. It scrolls where it is too wide. */
export const table = (
  label: string,
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string =>
  `<div class="scroll" tabindex="0" role="region" aria-label="${escape(label)}"><table><thead><tr>${
    head.map((cell) => cell === "" ? "<td></td>" : `<th scope="col">${cell}</th>`).join("")
  }</tr></thead><tbody>${
    rows.map(([first = "", ...cells]) =>
      `<tr><th scope="row">${first}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`
    ).join("")
  }</tbody></table></div>`

const style = `
:root { color-scheme: light dark; --ink: #1c1b1f; --paper: #fff; --quiet: #5c5c63; --line: #d9d9de; --shade: #f3e3e1;
  --l0: #1a6fb0; --l1: #b3261e; --l2: #1b7f4b; --l3: #8a5a00; --l4: #6b4fa0 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e1e5; --paper: #1c1b1f; --quiet: #aeacb3; --line: #3a393e; --shade: #3a2422;
    --l0: #6cb6f0; --l1: #f2938c; --l2: #6fcf97; --l3: #e0b050; --l4: #b9a2f0 }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 900px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { margin-top: 3rem } .quiet { color: var(--quiet) } .scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line) }
td { white-space: nowrap } @media (max-width: 600px) { table { font-size: .8rem } th, td { padding: .3rem .2rem } }
th:first-child, td:last-child:nth-child(5) { text-align: left; white-space: normal } th { font-weight: 500 } thead th { color: var(--quiet) }
figure { margin: 2rem 0 } figcaption { font-weight: 600 } .plot { width: 100%; min-width: 600px; height: auto } .plot text { font-size: 12px; fill: var(--quiet) }
.grid { stroke: var(--line) } .down { fill: var(--shade) } polyline { fill: none; stroke-width: 2 } .key { width: 1.5em; height: .4em; margin-right: .4em }
.l0 { stroke: var(--l0) } .l1 { stroke: var(--l1) } .l2 { stroke: var(--l2) } .l3 { stroke: var(--l3) } .l4 { stroke: var(--l4) }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem }
`

/**
 * A page of HTML under a heading, in the style of simulations. It needs nothing from anywhere.
 *
 * ```ts import.meta.vitest
 * import { Page } from "@holdfast/simulator"
 *
 * const page = Page.page("Retries <3>", `<p>${Page.escape("x < y")}</p>`)
 *
 * page.includes("<h1>Retries &lt;3&gt;</h1>") && page.includes("<p>x &lt; y</p>") // => true
 * ```
 */
export const page = (title: string, main: string): string =>
  `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)}</title><style>${style}</style></head><body><main>
<h1>${escape(title)}</h1>
${main}
</main></body></html>
`
