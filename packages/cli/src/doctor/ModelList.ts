/** Lists of models, in words. */

/** The first few of many. */
export const some = (models: ReadonlyArray<string>): string =>
  models.slice(0, 5).join(", ") + (models.length > 5 ? ` and ${models.length - 5} more` : "")
