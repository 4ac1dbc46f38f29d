import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'

/** Something that one process at a time may hold. */
export interface Lock {
  /** Lets the next one in; resolves when that is done. */
  release(): Promise<void>
}

/**
 * Takes the lock at `path`, waiting as long as another process holds it. The kernel keeps the lock for a helper process that ends
 * with this one, so that a killed holder leaves nothing behind: at most a second later the next one gets it.
 */
export async function takeLock(runner: CommandRunner, path: string, signal?: AbortSignal): Promise<Lock> {
  await mkdir(dirname(path), { recursive: true })
  const release = new AbortController()
  const ends = signal === undefined ? release.signal : AbortSignal.any([signal, release.signal])
  const held = Promise.withResolvers<void>()
  const script = `echo held && exec tail --pid=${process.pid} --follow /dev/null`
  const finished = runner
    .run('flock', ['--no-fork', path, 'sh', '-c', script], {
      signal: ends,
      onLine: (line) => {
        if (line === 'held') held.resolve()
      },
    })
    .then(
      (result) =>
        held.reject(
          new Failure('Unavailable', `the lock ${path} cannot be held: ${result.stderr.trim()}`, {
            remedy: 'is the directory writable?',
          }),
        ),
      (error: unknown) => held.reject(error),
    )
  await held.promise
  return {
    release: async () => {
      release.abort()
      await finished
    },
  }
}
