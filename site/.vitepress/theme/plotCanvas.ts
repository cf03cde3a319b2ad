/** Draws a plot on a canvas: one path a line, sixty times a second if need be. */

export interface Drawing {
  readonly lines: ReadonlyArray<Float64Array>
  /** How many values of each line there are. */
  readonly slots: number
  readonly every: number
  readonly duration: number
  readonly trigger: { readonly from: number; readonly to: number } | undefined
}

/** Lines differ by colour and by dashes, so that they can be told apart without colours. */
const dashes: ReadonlyArray<ReadonlyArray<number>> = [[], [6, 4], [2, 3], [10, 3, 2, 3], [1, 4]]

export const dashOf = (line: number): ReadonlyArray<number> => dashes[(line + Math.floor(line / 5)) % 5] ?? []

/** The first of 1, 2, 5, 10, 20, ... that is no less: the scale of a plot changes rarely. */
const roundUp = (value: number): number => {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5].find((digit) => digit * power >= value) ?? 10) * power
}

const greatest = (lines: ReadonlyArray<Float64Array>, slots: number): number => {
  let most = 0
  for (const line of lines) for (let slot = 0; slot < slots; slot++) most = Math.max(most, line[slot] ?? 0)
  return most
}

/** Draws, and returns the value at the top of the plot. */
export const draw = (canvas: HTMLCanvasElement, { duration, every, lines, slots, trigger }: Drawing): number => {
  const context = canvas.getContext("2d")
  const top = roundUp(greatest(lines, slots))
  if (context === null) return top
  const scale = globalThis.devicePixelRatio
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  // Setting the size clears the canvas, and costs more than clearing it.
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale)
    canvas.height = Math.round(height * scale)
  }
  const style = getComputedStyle(canvas)
  const colour = (name: string) => style.getPropertyValue(`--plot-${name}`)
  context.setTransform(scale, 0, 0, scale, 0, 0)
  context.clearRect(0, 0, width, height)
  const x = (millis: number) => Math.min(1, millis / duration) * width
  const y = (value: number) => 1 + (1 - value / top) * (height - 2)
  if (trigger !== undefined) {
    context.fillStyle = colour("trigger")
    context.fillRect(x(trigger.from), 0, Math.max(1, x(trigger.to) - x(trigger.from)), height)
  }
  context.fillStyle = colour("grid")
  for (const share of [0, 0.5, 1]) context.fillRect(0, Math.round(y(share * top)), width, 1)
  context.lineWidth = 2
  context.lineJoin = "round"
  for (const [i, line] of lines.entries()) {
    context.strokeStyle = colour(`line-${i % 5}`)
    context.setLineDash([...dashOf(i)])
    context.beginPath()
    for (let slot = 0; slot < slots; slot++) context.lineTo(x((slot + 0.5) * every), y(line[slot] ?? 0))
    context.stroke()
  }
  return top
}
