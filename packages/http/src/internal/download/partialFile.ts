/**
 * A download on its way to a file: the bytes so far, and a note of what they are of.
 *
 * The note says how many of the bytes are known to be on the disk: after a loss of power a file may be longer than what
 * was written to it. It is written before the bytes that it describes, and replaced as a whole.
 *
 * Guarded by `test/download/toFile.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import type { Download } from "./download.ts"
import type { Outcome } from "./interruption.ts"
import type { Beginning, Chunks, Summary } from "./state.ts"

const Length = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Note = Schema.fromJsonString(Schema.Struct({
  /** Not the URL itself, which may hold a secret. */
  source: Schema.String,
  etag: Schema.NonEmptyString,
  total: Schema.optional(Length),
  digests: Schema.Array(Schema.Struct({ algorithm: Schema.Literals(["sha-256", "sha-512"]), value: Schema.String })),
  flushed: Length
}))

/** How many bytes may be written before they are flushed. */
const flushEvery = 16 * 1024 * 1024

/** Downloads to `path` by way of its partial file. The effect is for one run: it keeps its state. */
export const toPartialFile = (
  files: FileSystem.FileSystem,
  path: string,
  download: Download
): Effect.Effect<Summary, Outcome | PlatformError> => {
  const partial = `${path}.part`
  const note = `${path}.part.json`
  const source = createHash("sha256").update(download.url).digest("hex")
  const removeNote = files.remove(note, { force: true })

  /** What the note says, or what it will say with the first bytes. */
  let noted: Beginning | undefined = undefined
  let written = 0
  let flushed = 0

  /** What an earlier call has left for the same source. */
  const left = Effect.gen(function*() {
    const found = yield* Schema.decodeEffect(Note)(yield* files.readFileString(note))
    const { size } = yield* files.stat(partial)
    return found.source === source && found.flushed > 0 && size >= BigInt(found.flushed) ? found : undefined
  }).pipe(Effect.orElseSucceed(() => undefined))

  /** Writes the note, or removes it when there is nothing to continue with. */
  const describe: Effect.Effect<void, PlatformError> = Effect.suspend(() => {
    noted = download.beginning
    if (noted === undefined) return removeNote
    return Schema.encodeEffect(Note)({ source, ...noted, flushed }).pipe(
      Effect.orDie,
      Effect.flatMap((text) => files.writeFileString(`${note}.new`, text)),
      Effect.andThen(files.rename(`${note}.new`, note))
    )
  })

  const flush = (file: FileSystem.File) =>
    Effect.gen(function*() {
      yield* file.sync
      flushed = written
      yield* describe
    })

  const cutTo = (file: FileSystem.File, length: number) =>
    Effect.gen(function*() {
      yield* file.truncate(length)
      yield* file.seek(BigInt(length), "start")
      written = flushed = length
    })

  const write = (file: FileSystem.File, chunks: Chunks) =>
    Effect.gen(function*() {
      const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      // A download that was begun anew is further back than the file.
      const at = download.offset - size
      if (at !== written) yield* cutTo(file, at)
      if (written === 0) yield* describe
      for (const chunk of chunks) yield* file.writeAll(chunk)
      written += size
      if (written - flushed >= flushEvery) yield* flush(file)
    })

  const drain = (file: FileSystem.File) =>
    Effect.gen(function*() {
      for (let chunks = yield* download.next; chunks !== undefined; chunks = yield* download.next) {
        yield* write(file, chunks)
      }
      // What was begun anew may have turned out empty.
      if (written !== download.offset) yield* cutTo(file, download.offset)
      yield* file.sync
    })

  /** Keeps a partial file to resume from, and removes any other. */
  const leave = (file: FileSystem.File, exit: Exit.Exit<unknown, Outcome | PlatformError>) =>
    Effect.ignore(
      noted === undefined || written === 0 || isProvenWrong(exit)
        ? Effect.andThen(removeNote, files.remove(partial, { force: true }))
        : flush(file)
    )

  const fill = Effect.gen(function*() {
    yield* Effect.addFinalizer(() => download.close)
    const found = yield* left
    const file = yield* files.open(partial, { flag: found === undefined ? "w+" : "r+" })
    if (found !== undefined) {
      download.continue(found, found.flushed)
      noted = download.beginning
      yield* cutTo(file, found.flushed)
      if (!download.digest.isEmpty) {
        yield* Stream.runForEach(files.stream(partial), (bytes) => Effect.sync(() => download.digest.update(bytes)))
      }
    }
    yield* Effect.onExit(drain(file), (exit) => Exit.isSuccess(exit) ? Effect.void : leave(file, exit))
  })

  return Effect.gen(function*() {
    yield* Effect.scoped(fill)
    yield* files.rename(partial, path)
    yield* removeNote
    const { base, beginning, digest, offset, resumes } = download
    return { bytes: offset, continuedFrom: base, resumes, etag: beginning?.etag, verified: digest.algorithm }
  })
}

const isProvenWrong = (exit: Exit.Exit<unknown, Outcome | PlatformError>): boolean => {
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  if (error?._tag !== "DownloadError") return false
  const { _tag } = error.reason
  return _tag === "DigestMismatch" || _tag === "WrongLength"
}
