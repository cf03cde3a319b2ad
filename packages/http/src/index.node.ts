/** The index on Node, Bun and Deno. */
export * from "./index.ts"
export * as ResumableDownload from "./ResumableDownload.ts"
export * as UndiciFetch from "./UndiciFetch.ts"
export * as UndiciTransport from "./UndiciTransport.ts"
