import { h } from "vue"
import { providerColumns, type Summary } from "../../playground/view.ts"

const table = (label: string, head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, [
    h("table", [
      h("thead", [h("tr", head.map((cell) => h("th", { scope: "col" }, cell)))]),
      h(
        "tbody",
        rows.map(([first, ...cells]) =>
          h("tr", [h("th", { scope: "row" }, first), ...cells.map((cell) => h("td", cell))])
        )
      )
    ])
  ])

const list = (states: Summary["breakers"]) => h("ul", states.map(({ edge, state }) => h("li", `${edge}: ${state}`)))

/** The figures of a run as tables and lists. */
export const results = ({ breakers, figures, phases, providers, skipped }: Summary) => [
  table("Figures", ["Figure", ...phases], figures.map(({ values, what }) => [what, ...values])),
  ...(providers.length === 0 ? [] : [
    h("h2", { id: "models" }, "Models and what they cost"),
    table("Models", ["Model", ...providerColumns], providers.map(({ name, values }) => [name, ...values]))
  ]),
  h("h2", { id: "breakers" }, "Circuit breakers"),
  breakers.length === 0
    ? h("p", "No circuit breaker has opened.")
    : list(breakers),
  ...(skipped.length === 0 ? [] : [h("h2", { id: "skipped" }, "Cool-downs and limits"), list(skipped)])
]
