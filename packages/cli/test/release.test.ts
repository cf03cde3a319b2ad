import { assert, describe, it } from "@effect/vitest"
import { addressOf, located } from "../../../scripts/release.ts"

describe("the release", () => {
  it("refuses to publish without the address of the repository, and says what to set", () => {
    for (const nothing of [undefined, "", "  "]) {
      assert.throws(() => addressOf(nothing), /Set HOLDFAST_REPOSITORY/u)
    }
    for (const wrong of ["holdfast", "http://host/owner/name", "https://host/owner", "https://me@host/owner/name"]) {
      assert.throws(() => addressOf(wrong), /must look like https:\/\/host\/owner\/name/u)
    }
  })

  it("tells the registry where a package comes from", () => {
    const address = addressOf("https://code.example/holdfast/holdfast.git/")
    assert.deepStrictEqual(located({ name: "@holdfast/core" }, address, "packages/core"), {
      name: "@holdfast/core",
      repository: { type: "git", url: "git+https://code.example/holdfast/holdfast.git", directory: "packages/core" },
      homepage: "https://code.example/holdfast/holdfast#readme",
      bugs: { url: "https://code.example/holdfast/holdfast/issues" }
    })
  })
})
