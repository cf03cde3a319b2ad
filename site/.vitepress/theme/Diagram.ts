import type { Mermaid } from "mermaid"
import { useData, withBase } from "vitepress"
import { defineComponent, h, onMounted, ref, watch } from "vue"

/**
 * A diagram in Mermaid's notation, drawn in the browser. Mermaid is loaded on pages that have a diagram, and on no other. It is
 * served as its makers bundle it: to bundle it again takes longer than the rest of the site.
 */
export default defineComponent({
  props: { source: { type: String, required: true } },
  setup({ source }) {
    const { isDark } = useData()
    const text = decodeURIComponent(source)
    const svg = ref("")
    const draw = async () => {
      const program: string = withBase("/mermaid/mermaid.esm.min.mjs")
      const { default: mermaid } = await import(/* @vite-ignore */ program) as { readonly default: Mermaid }
      mermaid.initialize({ startOnLoad: false, theme: isDark.value ? "dark" : "neutral" })
      svg.value = (await mermaid.render(`diagram-${Math.random().toString(36).slice(2)}`, text)).svg
    }
    onMounted(draw)
    watch(isDark, draw)
    return () =>
      svg.value === ""
        ? h("pre", { class: "diagram", tabindex: 0 }, text)
        : h("div", { class: "diagram", role: "img", tabindex: 0, "aria-label": text, innerHTML: svg.value })
  }
})
