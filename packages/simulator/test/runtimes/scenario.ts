/** A simulation with each kind of part, as one text. */
import * as Simulation from "../../src/Simulation.ts"
import { anySystem } from "../systems.ts"

export const figures = (): string =>
  Array.from({ length: 12 }, (_, seed) => JSON.stringify(Simulation.run(anySystem(seed + 1), { seed }))).join("\n")
