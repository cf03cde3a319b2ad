/** What a client is, and what all of them are given. */

/** Makes one call to an end: whether there was a good answer, read to its end. A rejection counts as a bad one. */
export type Client = (url: string) => Promise<boolean>

/** What all are given that have it: retries after the first attempt, milliseconds an attempt, connections. */
export const common = { retries: 3, attemptMillis: 1000, connections: 100 } as const
