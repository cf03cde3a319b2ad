import { useData } from "vitepress"
import { defineComponent, h, nextTick, onBeforeUnmount, onMounted, type PropType, ref, watch } from "vue"
import type { Receiver } from "../../playground/changes.ts"
import type { Scene } from "../../playground/messages.ts"
import type { PlotLines } from "../../playground/view.ts"
import { dashOf, draw, type Drawing } from "./plotCanvas.ts"

export const round = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en") : `${Number(value.toPrecision(2))}`

const clock = (millis: number): string => {
  const seconds = Math.round(millis / 1_000)
  return seconds < 120 ? `${seconds} s` : `${round(seconds / 60)} min`
}

/** How many rows the table of a plot has. */
const rows = 12

/** One plot over the time of the simulation: lines, the span of what goes wrong, a summary, and its values as a table. */
export default defineComponent({
  props: {
    plot: { type: Object as PropType<PlotLines>, required: true },
    scene: { type: Object as PropType<Scene>, required: true },
    /** Where the lines of all plots arrive, and the index of the first one of this plot. */
    received: { type: Object as PropType<Receiver>, required: true },
    first: { type: Number, required: true },
    /** How many slots the words and the table tell of. They follow the picture a few times a second. */
    slots: { type: Number, required: true },
    /** What draws, while this is on the page. */
    painters: { type: Object as PropType<Set<() => void>>, required: true }
  },
  setup(props) {
    const { isDark } = useData()
    const canvas = ref<HTMLCanvasElement>()
    const top = ref(1)
    const isOpen = ref(false)
    const drawing = (slots: number): Drawing => {
      const { first, plot, received, scene } = props
      return { ...scene, slots, lines: received.lines.slice(first, first + plot.lines.length) }
    }
    const paint = () => {
      if (canvas.value !== undefined) top.value = draw(canvas.value, drawing(props.received.slots))
    }
    let resized: ResizeObserver | undefined
    onMounted(() => {
      props.painters.add(paint)
      resized = new ResizeObserver(paint)
      if (canvas.value !== undefined) resized.observe(canvas.value)
      paint()
    })
    onBeforeUnmount(() => {
      props.painters.delete(paint)
      resized?.disconnect()
    })
    watch(isDark, () => nextTick(paint))

    const summary = ({ lines, slots }: Drawing): string => {
      const words = props.plot.lines.map((name, i) => {
        const values = lines[i]?.subarray(0, slots) ?? new Float64Array()
        const most = values.reduce((most, value) => Math.max(most, value), 0)
        return `${name} now ${round(values.at(-1) ?? 0)}, at most ${round(most)}`
      })
      return `${props.plot.title}, ${props.plot.unit}: ${words.join("; ")}`
    }

    const table = ({ every, lines, slots }: Drawing) => {
      const step = Math.max(1, Math.ceil(slots / rows))
      const listed = Array.from({ length: Math.ceil(slots / step) }, (_, row) => row * step)
      return h(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": `${props.plot.title}, as a table` },
        [
          h("table", [
            h("thead", [
              h("tr", [
                h("th", { scope: "col" }, "From"),
                ...props.plot.lines.map((name) => h("th", { scope: "col" }, name))
              ])
            ]),
            h(
              "tbody",
              listed.map((slot) =>
                h("tr", [
                  h("th", { scope: "row" }, clock(slot * every)),
                  ...lines.map((line) => h("td", round(line[slot] ?? 0)))
                ])
              )
            )
          ])
        ]
      )
    }

    return () => {
      const { plot, scene, slots } = props
      const seen = drawing(slots)
      return h("figure", { class: "plot" }, [
        h("figcaption", [h("b", plot.title), `, ${plot.unit}`]),
        h("div", { class: "axes" }, [
          h(
            "div",
            { class: "scale", "aria-hidden": "true" },
            [1, 0.5, 0].map((share) => h("span", round(share * top.value)))
          ),
          h("canvas", { ref: canvas, role: "img", "aria-label": summary(seen) }),
          h(
            "div",
            { class: "times", "aria-hidden": "true" },
            [0, 0.5, 1].map((share) => h("span", clock(share * scene.duration)))
          )
        ]),
        h(
          "ul",
          { class: "legend" },
          plot.lines.map((name, i) =>
            h("li", [
              h("svg", { viewBox: "0 0 24 6", "aria-hidden": "true" }, [
                h("polyline", {
                  class: `line line-${i % 5}`,
                  points: "0,3 24,3",
                  "stroke-dasharray": dashOf(i).join(" ")
                })
              ]),
              name
            ])
          )
        ),
        h("details", { onToggle: (event: Event) => isOpen.value = (event.target as HTMLDetailsElement).open }, [
          h("summary", `Values of ${plot.title.toLowerCase()}`),
          isOpen.value ? table(seen) : null
        ])
      ])
    }
  }
})
