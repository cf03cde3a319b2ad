/**
 * Decodes zstd, frame after frame: a body may have several (RFC 8878 section 3.1). Node's own decoder ends with the first frame
 * that has bytes behind it in the same chunk, and drops those without an error; so each such frame gets a decoder of its own.
 *
 * Guarded by `test/undici/decoding.test.ts`.
 */
import { Transform, type TransformCallback } from "node:stream"
import * as Zlib from "node:zlib"

const options = { chunkSize: 64 * 1024 }

export class ZstdFrames extends Transform {
  private decoder = this.open()

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    const { decoder } = this
    const before = decoder.bytesWritten
    decoder.write(chunk, (error) => {
      const rest = chunk.subarray(decoder.bytesWritten - before)
      if (error !== null && error !== undefined) return done(error)
      if (rest.length === 0) return done()
      // The decoder has ended. Hand on all that it has decoded before the next one begins.
      const next = () => {
        this.decoder = this.open()
        this._transform(rest, encoding, done)
      }
      if (decoder.readableEnded) next()
      else decoder.once("end", next)
    })
  }

  override _flush(done: TransformCallback): void {
    if (this.decoder.readableEnded) return done()
    this.decoder.once("end", done).end()
  }

  override _read(size: number): void {
    this.decoder.resume()
    super._read(size)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.decoder.destroy()
    done(error)
  }

  private open(): Zlib.ZstdDecompress {
    const decoder = Zlib.createZstdDecompress(options)
    return decoder
      .on("error", (error) => this.destroy(error))
      .on("data", (chunk) => {
        if (!this.push(chunk)) decoder.pause()
      })
  }
}
