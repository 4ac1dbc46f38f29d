import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/**
 * Puts a file in place so that a crash at any moment, of the process or of the machine, leaves either the old content or the new one.
 * Readable by the owner only. Throws `Unavailable` that names the file when it cannot be written.
 */
export async function writeFileAtomically(path: string, content: string): Promise<void> {
  try {
    await replaceFile(path, content)
  } catch (error) {
    throw new Failure('Unavailable', `the file ${path} cannot be written`, {
      cause: error,
      remedy: 'check that its disk is not full and not read-only',
    })
  }
}

async function replaceFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.new`
  await withFile(temporary, 'w', 0o600, async (file) => {
    await file.writeFile(content)
    await file.sync()
  })
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}

/** Makes a removal or rename in this directory survive a crash of the machine. */
export async function syncDirectory(path: string): Promise<void> {
  await withFile(path, 'r', undefined, (directory) => directory.sync())
}

/** The content of a file; undefined when there is none. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Whether an error of the file system says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT'
}

async function withFile(
  path: string,
  flags: string,
  mode: number | undefined,
  work: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, mode)
  try {
    await work(file)
  } finally {
    await file.close()
  }
}
