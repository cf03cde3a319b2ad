/** The policies that a simulation compares when it is given none, and those that it compares a file's with. */
import * as Scenarios from "@holdfast/simulator/Scenarios"
import type { Candidate } from "./Simulation.ts"

/** Those to learn from: each has all of the one before it, and a part more. */
export const all: ReadonlyArray<Candidate> = Object.entries(Scenarios.policies).map(([name, options]) => ({
  name,
  options
}))

/** What a policy in a file is compared with: a timeout and nothing else, and what most programs have. */
export const usual: ReadonlyArray<Candidate> = all.slice(0, 2)
