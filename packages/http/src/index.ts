/**
 * What runs wherever `fetch` does. On Node, Bun and Deno the package's index is `index.node.ts`, which has the transport and
 * the downloads too: `exports` in `package.json` chooses by the condition `node`.
 */
export * as DeadlineHeader from "./DeadlineHeader.ts"
export * as DownloadError from "./DownloadError.ts"
export * as HttpFailure from "./HttpFailure.ts"
export * as HttpPolicy from "./HttpPolicy.ts"
export * as HttpPolicyData from "./HttpPolicyData.ts"
export * as RedactedPaths from "./RedactedPaths.ts"
export * as ResilientFetch from "./ResilientFetch.ts"
export * as ResilientHttpClient from "./ResilientHttpClient.ts"
export * as ServerHints from "./ServerHints.ts"
export * as TransportTimeouts from "./TransportTimeouts.ts"
