/** Lines of a help text, as the help of `effect/cli` wants them: all but the first indented, and none that ends in a blank. */
export const paragraph = (...lines: ReadonlyArray<string>): string =>
  lines.map((line, index) => index === 0 || line === "" ? line : `  ${line}`).join("\n")
