import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** Writes a file so that a reader finds the old text or the new one, never a part; readable by the owner only. */
export async function writeWhole(path: string, text: string, mode = 0o600): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.draft`
  const file = await open(draft, 'w', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
}

/** Reads a JSON file and checks it; undefined when there is none. Throws `Invalid` that names the file when it is damaged. */
export async function readStored<Value>(path: string, parse: (input: unknown) => Value): Promise<Value | undefined> {
  const text = await readText(path)
  if (text === undefined) return undefined
  try {
    return parse(JSON.parse(text))
  } catch (cause) {
    throw new Failure('Invalid', `${path} is damaged`, {
      cause,
      remedy: 'restore it from a backup, or run "trellis down" to begin anew',
    })
  }
}

/** Text of a file; undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code !== 'EACCES') throw error
    throw new Failure('Unauthorized', `${path} is for root only`, {
      cause: error,
      remedy: 'run it as root, for example with sudo',
    })
  }
}

/** Removes a file or directory; harmless when it is gone. */
export function discard(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true })
}
