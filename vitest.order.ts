/** The order of the long files: those that wait between those that compute, so that the cores have work from begin to end. */
import { BaseSequencer } from "vitest/node"
import type { TestSpecification } from "vitest/node"

/** Takes one file that waits and then two that compute, each kind from its longest to its shortest. */
export class Interleaved extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer has a `sort` of its own
    const sorted = await super.sort(files)
    const waiting = sorted.filter(({ project }) => project.name === "long-alone")
    const computing = sorted.filter(({ project }) => project.name === "long")
    const others = sorted.filter((file) => !waiting.includes(file) && !computing.includes(file))
    const turns = Math.max(waiting.length, Math.ceil(computing.length / 2))
    return [
      ...others,
      ...Array.from({ length: turns }, (_, turn) => [
        ...waiting.slice(turn, turn + 1),
        ...computing.slice(2 * turn, 2 * turn + 2)
      ]).flat()
    ]
  }
}
