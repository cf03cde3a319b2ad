import { plural } from "@holdfast/core/Arguments"
import { defineComponent, h, nextTick, type PropType } from "vue"
import { type Control, inRange } from "../../playground/sliders.ts"
import { round } from "./PlotView.ts"

const words = ({ unit }: Control, value: number): string => {
  const exact = Number(value.toFixed(2))
  switch (unit) {
    case "times":
      return plural(exact, "time")
    case "share":
      return `${Math.round(value * 100)} %`
    case "seconds":
      return `${exact} s`
    case "count":
      return round(value)
  }
}

/** A slider with its value in words, and a button that gives it back to the file. */
export default defineComponent({
  props: {
    control: { type: Object as PropType<Control>, required: true },
    value: { type: Number as PropType<number | undefined>, default: undefined }
  },
  emits: { move: (value: number | undefined) => value === undefined || Number.isFinite(value) },
  setup(props, { emit }) {
    return () => {
      const { control, value: given } = props
      const { key, label, max, min, start, step } = control
      const value = given === undefined ? undefined : inRange(control, given)
      const said = value === undefined ? "as in the file" : words(control, value)
      const id = `slider-${key.replaceAll(/[^\w-]/gu, "-")}`
      return h("div", { class: "slider" }, [
        h("label", { for: id }, `${label}: ${said}`),
        h("input", {
          id,
          type: "range",
          min,
          max,
          step,
          value: value ?? start,
          "aria-valuetext": said,
          onInput: (event: Event) => emit("move", Number((event.target as HTMLInputElement).value))
        }),
        value === undefined ? null : h("button", {
          type: "button",
          onClick: () => {
            emit("move", undefined)
            // The button goes, and the focus must not go with it.
            void nextTick(() => document.getElementById(id)?.focus())
          }
        }, `As in the file: ${label.toLowerCase()}`)
      ])
    }
  }
})
