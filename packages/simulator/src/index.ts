export * as CallFailure from "./CallFailure.ts"
export * as Histogram from "./Histogram.ts"
export * as System from "./System.ts"
