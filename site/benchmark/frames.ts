/**
 * How many frames a second the playground draws while it simulates at 100 times real time. `npm run bench:site` prints it; the
 * site has to be built. Frames are those of `requestAnimationFrame`, over the first ten seconds of a run.
 */
import { encode } from "../playground/link.ts"
import { untouched } from "../playground/sliders.ts"
import { starts } from "../playground/starts.ts"
import { launch, serve } from "../test/serve.ts"

const seconds = Number(process.argv[2] ?? 10)
const { close, origin } = await serve()
const browser = await launch()

for (const name of ["Three tiers of retries", "Cloud and Ollama"]) {
  const text = starts.find((start) => start.name === name)?.text.replace(/^duration: .*$/mu, "duration: 1 hour")
  if (text === undefined) throw new Error(`no system is named ${name}`)
  for (const load of [1, 2]) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    const link = encode({ text, seed: 1, sliders: { ...untouched, load, ...(load === 1 ? { budget: 0.1 } : {}) } })
    await page.goto(`${origin}/playground#${link}`)
    await page.locator("#progress").waitFor()
    const seen = await page.evaluate(async (seconds) => {
      const value = () => Number(document.querySelector("#progress")?.getAttribute("value"))
      const times: Array<number> = []
      let [news, last, from] = [0, value(), value()]
      const began = performance.now()
      while (performance.now() < began + seconds * 1_000) {
        times.push(await new Promise(requestAnimationFrame))
        const now = value()
        if (now !== last) news++
        last = now
      }
      const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0)).toSorted((a, b) => a - b)
      return {
        frames: times.length / seconds,
        news: news / seconds,
        p99: gaps[Math.floor(gaps.length * 0.99)] ?? 0,
        speed: (last - from) * 3_600 / seconds
      }
    }, seconds)
    process.stdout.write(
      `${name}, load ${load}: ${seen.frames.toFixed(0)} frames a second, ${seen.news.toFixed(0)} of them with news, ${
        seen.p99.toFixed(0)
      } ms between frames at the 99th percentile, ${seen.speed.toFixed(0)} times real time\n`
    )
    await page.close()
  }
}
await browser.close()
close()
