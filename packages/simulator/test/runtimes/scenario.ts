/** A simulation with each kind of part, as one text. */
import * as Simulation from "../../src/Simulation.ts"
import { randomSystem } from "../systems.ts"

export const figures = (): string =>
  Array.from({ length: 12 }, (_, seed) => JSON.stringify(Simulation.run(randomSystem(seed + 1), { seed }))).join("\n")
