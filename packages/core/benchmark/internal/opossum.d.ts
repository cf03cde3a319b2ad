/** What the benchmark uses of opossum, which comes without types. */
declare module "opossum" {
  export interface Options {
    readonly timeout?: number | false
    readonly capacity?: number
    readonly errorThresholdPercentage?: number
    readonly volumeThreshold?: number
    readonly rollingCountTimeout?: number
    readonly rollingPercentilesEnabled?: boolean
    readonly enableSnapshots?: boolean
    readonly resetTimeout?: number
  }

  export default class CircuitBreaker<A> {
    constructor(action: () => Promise<A>, options?: Options)
    fire(): Promise<A>
    open(): void
  }
}
