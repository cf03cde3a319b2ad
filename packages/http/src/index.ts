export * as HttpFailure from "./HttpFailure.ts"
export * as HttpPolicy from "./HttpPolicy.ts"
export * as ResilientHttpClient from "./ResilientHttpClient.ts"
export * as UndiciTransport from "./UndiciTransport.ts"
