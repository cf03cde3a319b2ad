import { VPHomeFeatures, VPHomeHero } from "vitepress/theme"
import { defineComponent, h } from "vue"

/** The first page, with a landmark around what is its content. */
export default defineComponent({
  setup: () => () => h("main", { class: "VPHome" }, [h(VPHomeHero), h(VPHomeFeatures)])
})
