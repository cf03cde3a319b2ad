/**
 * Types derived from options: the keys they may have, and the reasons and errors of the policy.
 *
 * **When to use**
 *
 * Use them in a constructor that takes the options of a policy, alone or beside its own options, so that a misspelled
 * key is a type error at any depth and the error channel holds exactly the reasons of the configured parts.
 *
 * **Details**
 *
 * A constructor infers its options as `const O` and takes `O & Exact<O, Options>`: the options unchanged, with `never`
 * for each key that `Options` does not have.
 *
 * **Gotchas**
 *
 * Values with behaviour (functions, arrays, classes and values with a type id, such as `Duration` or a shared
 * `Bulkhead`) are only checked by assignability: their keys are not inspected.
 *
 * **Example**
 *
 * See {@link Exact}.
 */
import type * as Effect from "effect/Effect"

/**
 * Rejects keys of `O` that `Known` does not have, at any depth. Intersect it with `O` itself.
 *
 * ```ts
 * declare const make: <const O extends Policy.AnyOptions>(options: O & Exact<O, Policy.Options>) => void
 *
 * make({ bulkhead: { limit: 3, queue: 4 } })
 * make({ bulkhead: { limit: 3, que: 4 } }) // error: `que` is `never`
 * ```
 */
export type Exact<O, Known> =
  // `unknown` and not `{}` for no key: next to `{}` the compiler takes any value for an object whose keys are all optional.
  & ([Stray<O, Known>] extends [never] ? unknown : { readonly [K in Stray<O, Known>]: never })
  // A conditional type, so that nothing is inferred from it.
  & ([Deep<O, Known>] extends [never] ? unknown : { readonly [K in Deep<O, Known>]?: Inner<O[K], Of<Known, K>> })

/** The keys of `O` that no member of `Known` has: none if `Known` has an index signature. */
type Stray<O, Known> = string extends Keys<Known> ? never : Exclude<keyof O, Keys<Known>>

/** The keys of all members of a union. */
type Keys<Known> = Known extends unknown ? keyof Known : never

/** The type of a property in all members of a union that have it. */
type Of<Known, K> = Known extends unknown ? K extends keyof Known ? Known[K]
  : string extends keyof Known ? Known[string & keyof Known]
  : never
  : never

/** Types whose keys are not inspected: values with behaviour, and values with a type id. */
type IsOpaque<T> = T extends string | number | boolean | bigint | symbol | null | undefined ? true
  : T extends ((...args: never) => unknown) | ReadonlyArray<unknown> ? true
  : string extends keyof T ? false
  : [keyof T & `~${string}`] extends [never] ? false
  : true

type Shape<T> = T extends unknown ? IsOpaque<T> extends true ? never : T : never

/** The keys of `O` whose values are inspected. */
type Deep<O, Known> = {
  [K in keyof O]-?: [Shape<O[K]>] extends [never] ? never : [Shape<Of<Known, K>>] extends [never] ? never : K
}[keyof O]

/** `Exact` of each member of a union; opaque members stay unchanged. */
type Inner<T, Known> = T extends unknown ? IsOpaque<T> extends true ? T : T & Exact<T, Shape<Known>> : never

/**
 * Whether the options `O` configure the part `K`: it is present, and its type is not just `undefined` or `false`.
 *
 * ```ts
 * type A = Has<{ readonly deadline: "1 second" }, "deadline"> // true
 * type B = Has<{ readonly deadline: undefined }, "deadline"> // false
 * ```
 */
export type Has<O, K extends PropertyKey> = K extends keyof O
  ? [Exclude<O[K], undefined | null | false>] extends [never] ? false : true
  : false

/**
 * The reasons among `Reasons` whose part the options `O` configure.
 *
 * ```ts
 * type A = Configured<{ readonly deadline: "1 second" }, { readonly deadline: DeadlineExceeded }> // DeadlineExceeded
 * ```
 */
export type Configured<O, Reasons> = {
  readonly [K in keyof Reasons]: Has<O, K> extends true ? Reasons[K] : never
}[keyof Reasons]

/**
 * The value of the option `K`, or `Otherwise` where it is absent.
 *
 * ```ts
 * type A = Option<{ readonly retry: { readonly times: 3 } }, "retry", {}> // { readonly times: 3 }
 * type B = Option<{}, "retry", {}> // {}
 * ```
 */
export type Option<O, K extends PropertyKey, Otherwise> = O extends { readonly [P in K]: infer V }
  ? [NonNullable<V>] extends [never] ? Otherwise : NonNullable<V>
  : Otherwise

/**
 * The errors that the predicate in the option `K` accepts: `unknown` without one.
 *
 * ```ts
 * type A = Asked<{ readonly while: (error: Down) => boolean }, "while"> // Down
 * ```
 */
export type Asked<O, K extends PropertyKey> = Option<O, K, unknown> extends (error: infer E) => unknown ? E : unknown

/** The options of a single call. */
export interface CallOptions {
  /** The dependency to call, if one policy serves several. Default: none. */
  readonly key?: string | undefined
}

/**
 * `protect` of a policy: an effect gives that effect protected, and options give a function that protects an effect.
 * One signature, and not two overloads, so that `effect.pipe(policy.protect)` keeps the effect's types.
 *
 * ```ts
 * declare const protect: Protect<unknown, PolicyError<BulkheadFull>, never>
 *
 * fetchStock.pipe(protect)
 * fetchStock.pipe(protect({ key: "eu" }))
 * ```
 */
export type Protect<E, X, R, M = unknown> = <const S extends (Effect.Effect<unknown, E, unknown> & M) | CallOptions>(
  self: S
) => Protected<S, E, X, R, M>

/** The result of `protect` for its argument. */
export type Protected<S, E, X, R, M = unknown> = S extends Effect.Effect<infer A1, infer E1, infer R1> ?
  Effect.Effect<A1, E1 | X, R | R1> :
  <A1, E1 extends E, R1>(self: Effect.Effect<A1, E1, R1> & M) => Effect.Effect<A1, E1 | X, R | R1>
