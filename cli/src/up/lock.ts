import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** Holds a lock file with this process's number until disposed. A lock whose holder no longer runs is taken over; one that is held is a `Conflict`. */
export async function takeLock(path: string): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = await open(path, 'wx', 0o600)
      await file.writeFile(`${process.pid}\n`)
      await file.close()
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const holder = Number(await readFile(path, 'utf8').catch(() => ''))
      if (isRunning(holder)) {
        throw new Failure('Conflict', `process ${holder} is at work on this installation`, {
          remedy: 'wait until it is done; "trellis status" shows how far it is',
        })
      }
      await rm(path, { force: true })
    }
  }
  throw new Failure('Conflict', `${path} changes hands too fast`, { remedy: 'try again' })
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
