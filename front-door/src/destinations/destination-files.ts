import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { describe, Failure } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import { type Destinations, parseDestinations } from './destinations.ts'

/** Destinations that somebody writes into files. */
export interface DestinationFiles extends AsyncDisposable {
  /** Why what is in the files now is not in use; undefined when it is. */
  problem(): string | undefined
}

const pollMilliseconds = 1000

/**
 * Reads destinations from a file, or from every `*.json` in a folder in the order of their names, and again whenever one changes: by its size, time or number, so that replaced
 * files and the symbolic links of mounted volumes are noticed, too. What cannot be read later leaves in use what was read before; at first it is thrown, as `NotFound` or `Invalid`.
 */
export async function watchDestinationFiles(options: {
  readonly clock: Clock
  readonly log: Log
  readonly path: string
  readonly onChange: (sources: readonly Destinations[]) => void
}): Promise<DestinationFiles> {
  const { clock, log, path } = options
  const life = childSignal(new AbortController().signal)
  let known = await fingerprint(path)
  let problem: string | undefined
  options.onChange(await readAll(path))

  async function look(): Promise<void> {
    const now = await fingerprint(path)
    if (now === known) return
    const sources = await readAll(path)
    // What changed while it was read is read again at the next look.
    known = now
    problem = undefined
    options.onChange(sources)
    log.info({ files: sources.length }, 'destinations have changed')
  }

  async function watch(): Promise<void> {
    while (!life.signal.aborted) {
      await clock.sleep(pollMilliseconds, life.signal).catch(() => {})
      if (life.signal.aborted) return
      await look().catch((error: unknown) => {
        const now = describe(error)
        if (now !== problem) log.error({ problem: now }, 'destinations cannot be read; those from before stay in use')
        problem = now
      })
    }
  }

  const watching = watch()
  return {
    problem: () => problem,
    [Symbol.asyncDispose]: async () => {
      life.abort()
      await watching
    },
  }
}

async function filesOf(path: string): Promise<readonly string[]> {
  const kind = await stat(path).catch((cause: unknown) => {
    throw new Failure('NotFound', `${path} cannot be read`, { field: 'destinations', cause })
  })
  if (!kind.isDirectory()) return [path]
  const names = (await readdir(path)).filter((name) => name.endsWith('.json') && !name.startsWith('.'))
  return names.sort().map((name) => join(path, name))
}

async function fingerprint(path: string): Promise<string> {
  const files = await filesOf(path)
  const marks = files.map(async (file) => {
    const { ino, size, mtimeMs } = await stat(file)
    return `${file} ${ino} ${size} ${mtimeMs}`
  })
  return (await Promise.all(marks)).join('\n')
}

async function readAll(path: string): Promise<readonly Destinations[]> {
  const files = await filesOf(path)
  return Promise.all(
    files.map(async (file) => {
      try {
        return parseDestinations(await readFile(file, 'utf8'))
      } catch (error) {
        throw new Failure('Invalid', `${file} is of no use`, { cause: error })
      }
    }),
  )
}
