import { withBase } from "vitepress"
import { defineComponent, h } from "vue"

/** The page of an address that has none. */
export default defineComponent({
  setup: () => () =>
    h("main", { class: "not-found" }, [
      h("h1", "Page not found"),
      h("p", "No page has this address. It may have moved: search for it (Ctrl K), or go on from here."),
      h(
        "ul",
        [["/", "First page"], ["/start", "Start in five minutes"], ["/reference/core/Policy", "Reference"], [
          "/playground",
          "Playground"
        ]].map(([path = "", text]) => h("li", [h("a", { href: withBase(path) }, text)]))
      )
    ])
})
