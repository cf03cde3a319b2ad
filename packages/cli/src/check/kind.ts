/** What a file holds: a policy of the core, or one for HTTP, which may have endpoints and a pool. */
export const kinds = ["policy", "http"] as const
export type Kind = (typeof kinds)[number]
