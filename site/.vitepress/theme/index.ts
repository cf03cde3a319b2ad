import type { Theme } from "vitepress"
import DefaultTheme from "vitepress/theme"
import { h } from "vue"
import Diagram from "./Diagram.ts"
import Home from "./Home.ts"
import NotFound from "./NotFound.ts"
import Playground from "./Playground.ts"
import "./style.css"

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { "not-found": () => h(NotFound) }),
  enhanceApp: ({ app }) => {
    app.component("Diagram", Diagram)
    app.component("Home", Home)
    app.component("Playground", Playground)
  }
} satisfies Theme
