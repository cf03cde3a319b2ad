import { plural } from "@holdfast/core/Arguments"
import { withBase } from "vitepress"
import { defineComponent, h, onBeforeUnmount, onMounted, ref, shallowRef } from "vue"
import type { Receiver } from "../../playground/changes.ts"
import { decode, encode } from "../../playground/link.ts"
import type { Scene } from "../../playground/messages.ts"
import { Session } from "../../playground/session.ts"
import { type Sliders, untouched } from "../../playground/sliders.ts"
import { starts } from "../../playground/starts.ts"
import type { Summary } from "../../playground/view.ts"
import PlotView from "./PlotView.ts"
import { results } from "./Results.ts"
import SliderView from "./SliderView.ts"

const speeds = [[1, "as in life"], [10, "10 times faster"], [100, "100 times faster"], [
  100_000,
  "as fast as possible"
]] as const

/** How often plots are drawn for visitors who ask for reduced motion, in milliseconds. */
const calm = 1_000

type Phase = "running" | "paused" | "over"

/** The playground: a system to edit, sliders, and what comes of it, computed by a worker in the visitor's browser. */
export default defineComponent({
  setup() {
    const text = ref(starts[0].text)
    const about = ref(starts[0].about)
    const seed = ref(1)
    const seedText = ref("1")
    const speed = ref(100)
    const sliders = shallowRef<Sliders>(untouched)
    const scene = shallowRef<Scene>()
    const summary = shallowRef<Summary>()
    const fault = ref("")
    const phase = ref<Phase>("over")
    const copied = ref("")
    const seconds = ref(0)
    const slots = ref(0)
    const progress = ref<HTMLProgressElement>()
    const painters = new Set<() => void>()
    let received: Receiver | undefined
    let now = 0

    const paint = () => {
      // A picture sixty times a second is not made by patching the page: what changes is set directly.
      if (progress.value !== undefined && scene.value !== undefined) progress.value.value = now / scene.value.duration
      for (const painter of painters) painter()
    }
    let wantsCalm: MediaQueryList | undefined
    let painting: ReturnType<typeof setTimeout> | undefined
    const frame = () => {
      if (wantsCalm?.matches !== true) return paint()
      painting ??= setTimeout(() => {
        painting = undefined
        paint()
      }, calm)
    }

    const session = new Session(
      () => new Worker(new URL("../../playground/worker.ts", import.meta.url), { type: "module" }),
      {
        onScene: (begun, lines) => {
          received = lines
          scene.value = begun
          slots.value = 0
        },
        onSummary: (seen) => {
          summary.value = seen
          slots.value = received?.slots ?? 0
          seconds.value = Math.floor(now / 1_000)
        },
        onFrame: (reached) => {
          now = reached
          frame()
        },
        onPaused: () => {
          if (phase.value === "running") phase.value = "paused"
        },
        onOver: () => {
          phase.value = "over"
          seconds.value = Math.floor(now / 1_000)
        },
        onFault: (message) => {
          fault.value = message
          phase.value = "over"
        }
      }
    )

    const run = () => {
      clearTimeout(pending)
      if (summary.value !== undefined) summary.value = { ...summary.value, recovery: undefined }
      fault.value = ""
      copied.value = ""
      phase.value = "running"
      const state = { text: text.value, seed: seed.value, sliders: sliders.value }
      history.replaceState(history.state, "", `#${encode(state)}`)
      session.run(state, speed.value)
    }
    // Letters come faster than a run is worth.
    let pending: ReturnType<typeof setTimeout> | undefined
    const soon = () => {
      clearTimeout(pending)
      pending = setTimeout(run, 300)
    }
    const stop = () => {
      phase.value = "over"
      session.stop()
    }
    const resume = () => {
      phase.value = "running"
      session.resume()
    }

    const take = (): boolean => {
      const linked = decode(location.hash.slice(1))
      if (linked === undefined) return false
      text.value = linked.text
      about.value = ""
      seed.value = linked.seed
      seedText.value = `${linked.seed}`
      sliders.value = linked.sliders
      return true
    }
    const changed = () => {
      if (take()) run()
    }
    onMounted(() => {
      wantsCalm = matchMedia("(prefers-reduced-motion: reduce)")
      addEventListener("hashchange", changed)
      take()
      run()
    })
    onBeforeUnmount(() => {
      removeEventListener("hashchange", changed)
      clearTimeout(pending)
      clearTimeout(painting)
      session.close()
    })

    const copy = () =>
      // Without HTTPS, and where it is not allowed, there is no clipboard.
      Promise.resolve().then(() => navigator.clipboard.writeText(location.href)).then(
        () => copied.value = "The link is copied.",
        () => copied.value = "The link could not be copied: copy the address of this page."
      )

    const source = () => [
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
        "aria-invalid": fault.value !== "",
        onInput: (event: Event) => {
          text.value = (event.target as HTMLTextAreaElement).value
          soon()
        }
      }),
      h("p", { id: "fault", class: "fault", role: "alert" }, fault.value),
      h("details", [
        h("summary", "The keys of a system"),
        h(
          "p",
          "A system has services, callers, events, and chains of the services that are language models. A policy has the keys of a policy file: retry, budget, circuitBreaker, bulkhead, rateLimit, attemptTimeout, deadline. A call over http has those of an HTTP policy. Durations are \"30 seconds\" or a number of seconds."
        ),
        h("p", [
          "The reference describes each key: ",
          ...["simulator/System", "simulator/Event", "simulator/Llm", "http/HttpPolicyData", "core/PolicyData"].flatMap(
            (module, i) => [
              i === 0 ? "" : ", ",
              h("a", { href: withBase(`/reference/${module}`) }, module.split("/")[1])
            ]
          ),
          "."
        ])
      ])
    ]

    const controls = () => [
      ...(scene.value?.controls ?? []).map((control) =>
        h(SliderView, {
          key: control.key,
          control,
          value: sliders.value[control.key],
          onMove: (value: number | undefined) => {
            const { [control.key]: _, ...others } = sliders.value
            sliders.value = value === undefined ? others : { ...others, [control.key]: value }
            soon()
          }
        })
      ),
      h("label", { for: "seed" }, "Seed"),
      h("input", {
        id: "seed",
        type: "number",
        step: 1,
        value: seedText.value,
        // The text is kept as it is typed, or the next picture would undo it.
        onInput: (event: Event) => {
          seedText.value = (event.target as HTMLInputElement).value
        },
        onChange: () => {
          const given = Number(seedText.value)
          seed.value = seedText.value.trim() !== "" && Number.isSafeInteger(given) ? given : 1
          seedText.value = `${seed.value}`
          run()
        }
      }),
      h("label", { for: "speed" }, "Speed"),
      h("select", {
        id: "speed",
        value: speed.value,
        onChange: (event: Event) => {
          speed.value = Number((event.target as HTMLSelectElement).value)
          session.speed(speed.value)
        }
      }, speeds.map(([value, words]) => h("option", { value }, words)))
    ]

    const button = (label: string, onClick: () => void, disabled = false) =>
      h("button", { type: "button", onClick, disabled }, label)

    const buttons = () =>
      h("div", { class: "buttons" }, [
        button("Run", run),
        phase.value === "paused"
          ? button("Resume", resume)
          : button("Pause", () => session.pause(), phase.value !== "running"),
        button("Step", () => session.step(), phase.value === "over"),
        button("Stop", stop, phase.value === "over"),
        button("Copy a link to this", () => void copy()),
        h("span", { role: "status", class: "copied" }, copied.value)
      ])

    const plots = (seen: Scene, lines: Receiver) => {
      let first = 0
      return seen.plots.map((plot, i) => {
        const view = h(PlotView, { key: i, plot, scene: seen, received: lines, first, slots: slots.value, painters })
        first += plot.lines.length
        return view
      })
    }

    const outcome = (seen: Scene, lines: Receiver) => [
      h(
        "label",
        { for: "progress" },
        `${seconds.value} of ${plural(Math.round(seen.duration / 1_000), "second")}${
          phase.value === "paused" ? ", paused" : ""
        }`
      ),
      h("progress", { id: "progress", max: 1, ref: progress }),
      h("p", { role: "status", class: "recovery" }, summary.value?.recovery ?? ""),
      ...plots(seen, lines),
      ...(summary.value === undefined ? [] : results(summary.value))
    ]
    /** A component of its own: what it reads changes several times a second, and the editor need not be drawn again for that. */
    const Outcome = defineComponent(() => () =>
      h("div", [
        ...(scene.value === undefined || received === undefined
          ? [h("p", fault.value === "" ? "The simulation starts." : "There is nothing to show yet.")]
          : outcome(scene.value, received))
      ])
    )

    return () =>
      h("div", { class: "playground" }, [
        h("div", { class: "editor" }, [...source(), ...controls()]),
        h("div", { class: "results" }, [buttons(), h(Outcome)])
      ])
  }
})
