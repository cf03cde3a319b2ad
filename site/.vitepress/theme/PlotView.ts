import { computed, defineComponent, h, type PropType } from "vue"
import type { Plot } from "../../playground/view.ts"

const width = 600
const height = 160

/** Lines differ by colour and by dashes, so that they can be told apart without colours. */
const dashes = ["", "6 4", "2 3", "10 3 2 3", "1 4"]

const round = (value: number): string => value >= 100 ? `${Math.round(value)}` : `${Number(value.toPrecision(2))}`

/** One plot over the time of the simulation: lines, the span of what goes wrong, and a summary for readers of the screen. */
export default defineComponent({
  props: {
    plot: { type: Object as PropType<Plot>, required: true },
    every: { type: Number, required: true },
    duration: { type: Number, required: true },
    trigger: {
      type: Object as PropType<{ readonly from: number; readonly to: number } | undefined>,
      default: undefined
    }
  },
  setup(props) {
    const top = computed(() =>
      Math.max(
        1e-9,
        ...props.plot.lines.flatMap(({ values }) => values.map((value) => Number.isFinite(value) ? value : 0))
      )
    )
    const x = (millis: number): number => Math.min(1, millis / props.duration) * width
    const points = (values: ReadonlyArray<number>): string =>
      values.map((value, i) =>
        `${x((i + 0.5) * props.every).toFixed(1)},${
          (height - (Number.isFinite(value) ? value : 0) / top.value * (height - 8)).toFixed(1)
        }`
      ).join(" ")
    const summary = computed(() =>
      `${props.plot.title}: ${
        props.plot.lines.map(({ name, values }) =>
          `${name} now ${round(values.at(-1) ?? 0)}, at most ${round(Math.max(0, ...values))}`
        ).join("; ")
      } ${props.plot.unit}`
    )
    return () => {
      const { plot, trigger } = props
      return h("figure", { class: "plot" }, [
        h("figcaption", [h("b", plot.title), ` up to ${round(top.value)} ${plot.unit}`]),
        h("svg", {
          viewBox: `0 0 ${width} ${height}`,
          role: "img",
          "aria-label": summary.value,
          preserveAspectRatio: "none"
        }, [
          trigger === undefined ? null : h("rect", {
            class: "trigger",
            x: x(trigger.from),
            width: Math.max(1, x(trigger.to) - x(trigger.from)),
            y: 0,
            height
          }),
          ...plot.lines.map(({ values }, i) =>
            h("polyline", { class: `line line-${i % 5}`, points: points(values), "stroke-dasharray": dashes[i % 5] })
          )
        ]),
        h(
          "ul",
          { class: "legend" },
          plot.lines.map(({ name }, i) =>
            h("li", [
              h("svg", { viewBox: "0 0 24 6", "aria-hidden": "true" }, [
                h("polyline", { class: `line line-${i % 5}`, points: "0,3 24,3", "stroke-dasharray": dashes[i % 5] })
              ]),
              name
            ])
          )
        )
      ])
    }
  }
})
