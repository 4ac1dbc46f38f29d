import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'

/** Fetches published files. A site that did not answer once is not asked again by the same downloader. */
export interface Downloader {
  /**
   * Writes the file at `url` to `path` and checks it against `digest` (SHA-256, hexadecimal). Throws `Unavailable` when the site does
   * not answer, `NotFound` when it has no such file, `Conflict` when the bytes are not the expected ones.
   */
  fetchFile(url: string, digest: string, path: string, signal?: AbortSignal): Promise<void>
  /** The text at `url`, at most a mebibyte; throws like `fetchFile`. */
  fetchText(url: string, signal?: AbortSignal): Promise<string>
}

/** Longest wait for the first byte of an answer, and between two bytes of it. */
const answerMilliseconds = 3000
const silenceMilliseconds = 30_000
const textLimitBytes = 1024 * 1024

/** A downloader that speaks HTTP. */
export function createDownloader(clock: Clock): Downloader {
  const unreachable = new Map<string, Failure>()

  async function open(url: string, signal: AbortSignal | undefined) {
    const { host } = new URL(url)
    const known = unreachable.get(host)
    if (known !== undefined) throw known
    const silence = createSilenceWatch(clock, `${host} does not answer`)
    const ends = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal])
    silence.expectWithin(answerMilliseconds)
    try {
      const response = await fetch(url, { signal: ends, redirect: 'follow' })
      silence.expectWithin(silenceMilliseconds)
      return { response, silence }
    } catch (error) {
      silence.stop()
      signal?.throwIfAborted()
      const failure = new Failure('Unavailable', `${host} cannot be reached`, { cause: error })
      unreachable.set(host, failure)
      throw failure
    }
  }

  async function receive(url: string, signal: AbortSignal | undefined, take: (body: Readable) => Promise<void>) {
    const { response, silence } = await open(url, signal)
    try {
      refuseUnlessOk(url, response)
      const watch = new Transform({
        transform(chunk, _encoding, done) {
          silence.expectWithin(silenceMilliseconds)
          done(null, chunk)
        },
      })
      const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
      await Promise.all([pipeline(body, watch), take(watch)])
    } catch (error) {
      if (error instanceof Failure) throw error
      signal?.throwIfAborted()
      throw new Failure('Unavailable', `the download of ${url} broke off`, { cause: error })
    } finally {
      silence.stop()
    }
  }

  return {
    fetchFile: async (url, digest, path, signal) => {
      const hash = createHash('sha256')
      await receive(url, signal, async (body) => {
        body.on('data', (chunk: Buffer) => hash.update(chunk))
        await pipeline(body, createWriteStream(path))
      })
      const actual = hash.digest('hex')
      if (actual !== digest)
        throw new Failure('Conflict', `${url} has the digest ${actual}, but ${digest} was published for it`)
    },
    fetchText: async (url, signal) => {
      let text = ''
      await receive(url, signal, async (body) => {
        for await (const chunk of body) {
          text += String(chunk)
          if (text.length > textLimitBytes) throw new Failure('Invalid', `${url} is too long to be a checksum`)
        }
      })
      return text
    },
  }
}

/** The digest that a published checksum file gives for a file; undefined when it gives none. */
export function digestFromChecksums(text: string, fileName: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/))
  const bare = lines.find((fields) => fields.length === 1 && isDigest(fields[0]))
  const named = lines.find(
    (fields) => isDigest(fields[0]) && fields[1]?.replace(/^\*/, '').split('/').pop() === fileName,
  )
  return (named ?? bare)?.[0]?.toLowerCase()
}

function isDigest(text: string | undefined): boolean {
  return /^[0-9a-fA-F]{64}$/.test(text ?? '')
}

function refuseUnlessOk(url: string, response: Response): void {
  if (response.ok && response.body !== null) return
  const kind = response.status === 404 ? 'NotFound' : 'Unavailable'
  throw new Failure(kind, `${url} was answered with status ${response.status}`)
}

/** Aborts when what is expected does not come in time. */
function createSilenceWatch(clock: Clock, message: string) {
  const controller = new AbortController()
  let timer = clock.setTimer(2 ** 31 - 1, () => {}, { unref: true })
  return {
    signal: controller.signal,
    expectWithin: (milliseconds: number) => {
      timer.cancel()
      timer = clock.setTimer(milliseconds, () => controller.abort(new Failure('Unavailable', message)))
    },
    stop: () => timer.cancel(),
  }
}
