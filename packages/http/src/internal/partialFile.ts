/**
 * A download on its way to a file: the bytes so far, and a note of what they are of.
 *
 * The note says how many of the bytes are known to be on the disk: after a loss of power a file may be longer than what
 * was written to it. It is written before the bytes that it describes, and replaced as a whole.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import type { Summary } from "../ResumableDownload.ts"
import type { Beginning, Chunks, Download } from "./download.ts"
import type { Outcome } from "./interruption.ts"

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

export const toPartialFile = (
  files: FileSystem.FileSystem,
  path: string,
  download: Download
): Effect.Effect<Summary, Outcome | PlatformError> => {
  const partial = new PartialFile(files, path, download)
  return Effect.andThen(Effect.scoped(partial.fill), partial.publish)
}

class PartialFile {
  private readonly files: FileSystem.FileSystem
  private readonly path: string
  private readonly download: Download
  private readonly partial: string
  private readonly note: string
  private readonly source: string

  /** What the note says, or what it will say with the first bytes. */
  private noted: Beginning | undefined = undefined
  private written = 0
  private flushed = 0

  constructor(files: FileSystem.FileSystem, path: string, download: Download) {
    this.files = files
    this.path = path
    this.download = download
    this.partial = `${path}.part`
    this.note = `${path}.part.json`
    this.source = createHash("sha256").update(download.url).digest("hex")
  }

  /** Writes what is missing, up to the last byte and its flush. */
  get fill() {
    const self = this
    return Effect.gen(function*() {
      const { download, files, partial } = self
      yield* Effect.addFinalizer(() => download.close)
      const left = yield* self.left
      const file = yield* files.open(partial, { flag: left === undefined ? "w+" : "r+" })
      if (left !== undefined) {
        download.continue(left, left.flushed)
        self.noted = download.beginning
        self.written = self.flushed = left.flushed
        yield* file.truncate(left.flushed)
        yield* file.seek(BigInt(left.flushed), "start")
        if (!download.digest.isEmpty) {
          yield* Stream.runForEach(files.stream(partial), (bytes) => Effect.sync(() => download.digest.update(bytes)))
        }
      }
      yield* Effect.onExit(self.drain(file), (exit) => Exit.isSuccess(exit) ? Effect.void : self.leave(file, exit))
    })
  }

  /** Gives the file its name. */
  get publish() {
    const { download, files, note, partial, path } = this
    return files.rename(partial, path).pipe(
      Effect.andThen(files.remove(note, { force: true })),
      Effect.map((): Summary => ({
        bytes: download.offset,
        continuedFrom: download.base,
        resumes: download.resumes,
        etag: download.beginning?.etag,
        verified: download.digest.algorithm
      }))
    )
  }

  private drain(file: FileSystem.File): Effect.Effect<void, Outcome | PlatformError> {
    return Effect.flatMap(Effect.suspend(() => this.download.next), (chunks) =>
      chunks === undefined
        // What was begun anew may have turned out empty.
        ? Effect.andThen(this.written === this.download.offset ? Effect.void : file.truncate(0), file.sync)
        : Effect.andThen(this.write(file, chunks), this.drain(file)))
  }

  private write(file: FileSystem.File, chunks: Chunks): Effect.Effect<void, PlatformError> {
    const self = this
    const { download } = self
    return Effect.gen(function*() {
      const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      const at = download.offset - size
      if (at !== self.written) {
        // It was begun anew.
        yield* file.truncate(at)
        yield* file.seek(BigInt(at), "start")
        self.written = self.flushed = at
      }
      if (self.written === 0) yield* self.describe
      for (const chunk of chunks) yield* file.writeAll(chunk)
      self.written += size
      if (self.written - self.flushed >= flushEvery) yield* self.flush(file)
    })
  }

  /** What an earlier call has left for the same source. */
  private get left() {
    const { files, note, partial, source } = this
    return Effect.gen(function*() {
      const found = yield* Schema.decodeEffect(Note)(yield* files.readFileString(note))
      const { size } = yield* files.stat(partial)
      return found.source === source && found.flushed > 0 && size >= BigInt(found.flushed) ? found : undefined
    }).pipe(Effect.orElseSucceed(() => undefined))
  }

  /** Keeps what can be continued, and removes what cannot. */
  private leave(file: FileSystem.File, exit: Exit.Exit<unknown, Outcome | PlatformError>): Effect.Effect<void> {
    const useless = this.noted === undefined || this.written === 0 || isProvenWrong(exit)
    const { files, note, partial } = this
    return Effect.ignore(
      useless
        ? Effect.andThen(files.remove(note, { force: true }), files.remove(partial, { force: true }))
        : this.flush(file)
    )
  }

  private flush(file: FileSystem.File): Effect.Effect<void, PlatformError> {
    return Effect.andThen(
      file.sync,
      Effect.suspend(() => {
        this.flushed = this.written
        return this.describe
      })
    )
  }

  /** Writes the note, or removes it when there is nothing to continue with. */
  private get describe(): Effect.Effect<void, PlatformError> {
    return Effect.suspend(() => {
      const { download, files, flushed, note, source } = this
      this.noted = download.beginning
      if (this.noted === undefined) return files.remove(note, { force: true })
      return Schema.encodeEffect(Note)({ source, ...this.noted, flushed }).pipe(
        Effect.orDie,
        Effect.flatMap((text) => files.writeFileString(`${note}.new`, text)),
        Effect.andThen(files.rename(`${note}.new`, note))
      )
    })
  }
}

const isProvenWrong = (exit: Exit.Exit<unknown, Outcome | PlatformError>): boolean => {
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  if (error?._tag !== "DownloadError") return false
  const { _tag } = error.reason
  return _tag === "DigestMismatch" || _tag === "WrongLength"
}
