import { computed, defineComponent, h, onBeforeUnmount, onMounted, ref, shallowRef } from "vue"
import { decode, encode, type State } from "../../playground/link.ts"
import { type Sliders, untouched } from "../../playground/sliders.ts"
import { starts } from "../../playground/starts.ts"
import { providerColumns, type View } from "../../playground/view.ts"
import type { Reply, Request } from "../../playground/worker.ts"
import PlotView from "./PlotView.ts"

/** A slider: what it changes, its ends, and its value in words. */
const controls: ReadonlyArray<{
  readonly key: keyof Sliders
  readonly label: string
  readonly min: number
  readonly max: number
  readonly step: number
  readonly start: number
  readonly words: (value: number) => string
}> = [
  { key: "load", label: "Load", min: 0.1, max: 3, step: 0.1, start: 1, words: (value) => `${value} times` },
  { key: "retries", label: "Retries of a call", min: 0, max: 10, step: 1, start: 2, words: (value) => `${value}` },
  {
    key: "budget",
    label: "Retry budget",
    min: 0,
    max: 1,
    step: 0.05,
    start: 0.2,
    words: (value) => `${Math.round(value * 100)} % of the calls`
  },
  { key: "timeout", label: "Attempt timeout", min: 0.1, max: 20, step: 0.1, start: 2, words: (value) => `${value} s` }
]

const speeds = [[1, "as in life"], [10, "10 times faster"], [100, "100 times faster"], [
  100_000,
  "as fast as possible"
]] as const

/** The playground: a system to edit, sliders, and what comes of it, computed by a worker in the visitor's browser. */
export default defineComponent({
  setup() {
    const text = ref(starts[0].text)
    const about = ref(starts[0].about)
    const seed = ref(1)
    const speed = ref(100)
    const sliders = shallowRef<Sliders>(untouched)
    const state = (): State => ({ text: text.value, seed: seed.value, sliders: sliders.value })
    const view = shallowRef<View>()
    const fault = ref("")
    const running = ref(false)
    const copied = ref(false)
    let worker: Worker | undefined
    let id = 0

    const send = (request: Request) => worker?.postMessage(request)
    const run = () => {
      fault.value = ""
      copied.value = false
      running.value = true
      history.replaceState(null, "", `#${encode(state())}`)
      send({ type: "run", id: ++id, speed: speed.value, state: state() })
    }
    const stop = () => {
      running.value = false
      id++
      send({ type: "stop" })
    }
    // Letters come faster than a run is worth.
    let pending: ReturnType<typeof setTimeout> | undefined
    const soon = () => {
      clearTimeout(pending)
      pending = setTimeout(run, 300)
    }
    onMounted(() => {
      const linked = decode(location.hash.slice(1))
      if (linked !== undefined) {
        text.value = linked.text
        about.value = ""
        seed.value = linked.seed
        sliders.value = linked.sliders
      }
      worker = new Worker(new URL("../../playground/worker.ts", import.meta.url), { type: "module" })
      worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
        if (data.id !== id) return
        if (data.type === "fault") {
          fault.value = data.message
          running.value = false
        } else {
          view.value = data.view
          if (data.view.isOver) running.value = false
        }
      })
      worker.addEventListener("error", (event) => {
        fault.value = event.message
        running.value = false
      })
      run()
    })
    onBeforeUnmount(() => worker?.terminate())

    const done = computed(() => view.value === undefined ? 0 : Math.min(1, view.value.now / view.value.duration))

    const slider = ({ key, label, max, min, start, step, words }: (typeof controls)[number]) => {
      const value = sliders.value[key]
      const set = (next: number | undefined) => {
        sliders.value = { ...sliders.value, [key]: next }
        soon()
      }
      return h("div", { class: "slider" }, [
        h("label", { for: `slider-${key}` }, `${label}: ${value === undefined ? "as in the file" : words(value)}`),
        h("input", {
          id: `slider-${key}`,
          type: "range",
          min,
          max,
          step,
          value: value ?? start,
          "aria-valuetext": value === undefined ? "as in the file" : words(value),
          onInput: (event: Event) => set(Number((event.target as HTMLInputElement).value))
        }),
        key === "load" || value === undefined
          ? null
          : h("button", { type: "button", onClick: () => set(undefined) }, `As in the file: ${label.toLowerCase()}`)
      ])
    }

    const editor = () => [
      h("label", { for: "start" }, "Start from"),
      h("select", {
        id: "start",
        onChange: (event: Event) => {
          const start = starts[(event.target as HTMLSelectElement).selectedIndex] ?? starts[0]
          text.value = start.text
          about.value = start.about
          sliders.value = untouched
          run()
        }
      }, starts.map(({ name }) => h("option", name))),
      about.value === "" ? null : h("p", about.value),
      h("label", { for: "system" }, "The system, as YAML"),
      h("textarea", {
        id: "system",
        spellcheck: false,
        rows: 22,
        value: text.value,
        "aria-describedby": "fault",
        onInput: (event: Event) => {
          text.value = (event.target as HTMLTextAreaElement).value
          soon()
        }
      }),
      h("p", { id: "fault", class: "fault", role: "alert" }, fault.value),
      h("details", [
        h("summary", "What may stand here"),
        h(
          "p",
          "A system has services, callers, events, and chains of the services that are language models. A policy has the keys of a policy file: retry, budget, circuitBreaker, bulkhead, rateLimit, attemptTimeout, deadline. A call over http has those of an HTTP policy. Durations are \"30 seconds\" or a number of seconds."
        ),
        h("p", [
          "The keys are described in the reference of ",
          h("a", { href: "/reference/simulator/System" }, "System"),
          ", ",
          h("a", { href: "/reference/simulator/Event" }, "Event"),
          ", ",
          h("a", { href: "/reference/simulator/Llm" }, "Llm"),
          ", ",
          h("a", { href: "/reference/http/HttpPolicyData" }, "HttpPolicyData"),
          " and ",
          h("a", { href: "/reference/core/PolicyData" }, "PolicyData"),
          "."
        ])
      ]),
      ...controls.map(slider),
      h("label", { for: "seed" }, "Seed"),
      h("input", {
        id: "seed",
        type: "number",
        step: 1,
        value: seed.value,
        onChange: (event: Event) => {
          seed.value = Math.trunc(Number((event.target as HTMLInputElement).value)) || 1
          run()
        }
      }),
      h("label", { for: "speed" }, "Speed"),
      h("select", {
        id: "speed",
        value: speed.value,
        onChange: (event: Event) => {
          speed.value = Number((event.target as HTMLSelectElement).value)
          run()
        }
      }, speeds.map(([value, words]) => h("option", { value }, words))),
      h("div", { class: "buttons" }, [
        h("button", { type: "button", onClick: running.value ? stop : run }, running.value ? "Stop" : "Run"),
        h("button", {
          type: "button",
          onClick: () => navigator.clipboard.writeText(location.href).then(() => copied.value = true)
        }, copied.value ? "Link copied" : "Copy a link to this")
      ])
    ]

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

    const results = (seen: View) => [
      h(
        "label",
        { for: "progress" },
        `${Math.round(seen.now / 1_000)} of ${Math.round(seen.duration / 1_000)} seconds`
      ),
      h("progress", { id: "progress", max: 1, value: done.value }),
      ...seen.plots.map((plot) =>
        h(PlotView, { plot, every: seen.every, duration: seen.duration, trigger: seen.trigger })
      ),
      h("p", { role: "status" }, seen.recovery ?? ""),
      table("Figures", ["Figure", ...seen.phases], seen.figures.map(({ values, what }) => [what, ...values])),
      ...(seen.providers.length === 0 ? [] : [
        h("h2", { id: "models" }, "Models and what they cost"),
        table(
          "Models",
          ["Model", ...providerColumns],
          seen.providers.map(({ name, values }) => [name, ...values])
        )
      ]),
      h("h2", { id: "breakers" }, "Circuit breakers"),
      seen.breakers.length === 0
        ? h("p", "None has opened.")
        : h("ul", seen.breakers.map(({ edge, state }) => h("li", `${edge}: ${state}`)))
    ]

    return () =>
      h("div", { class: "playground" }, [
        h("div", { class: "editor" }, editor()),
        h(
          "div",
          { class: "results" },
          view.value === undefined ? [h("p", "The simulation starts.")] : results(view.value)
        )
      ])
  }
})
