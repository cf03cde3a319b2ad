export * as HttpFailure from "./HttpFailure.ts"
export * as UndiciTransport from "./UndiciTransport.ts"
