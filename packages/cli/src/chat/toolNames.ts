/** The sample tools, by the names that `--tool` takes. */
export const names = ["clock", "dice"] as const
