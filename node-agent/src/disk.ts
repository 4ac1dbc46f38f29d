import { watch } from 'node:fs'
import { access, chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The machine's files, as far as the agent touches them. Paths are absolute; tests put them below a directory of their own. */
export interface Disk {
  /** The text of a file; undefined when there is none. */
  read(path: string): Promise<string | undefined>
  exists(path: string): Promise<boolean>
  /** Makes the file hold exactly this, with this mode, at once and never in part. Answers whether anything had to change. */
  write(path: string, content: string, mode: number): Promise<boolean>
  /** Resolves as soon as the file exists; rejects with the signal's reason when that aborts first. */
  appeared(path: string, signal: AbortSignal): Promise<void>
  /** Calls `onChange` whenever something in the directory changes, until the signal aborts. The directory is made when it is missing. */
  watchDirectory(directory: string, onChange: (name: string) => void, signal: AbortSignal): Promise<void>
  /** The path as the operating system knows it. */
  resolve(path: string): string
}

/** The files below `root`. */
export function createDisk(root = '/'): Disk {
  const resolve = (path: string) => join(root, path)
  const disk: Disk = {
    resolve,
    read: async (path) => {
      try {
        return await readFile(resolve(path), 'utf8')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    exists: (path) =>
      access(resolve(path)).then(
        () => true,
        () => false,
      ),
    write: (path, content, mode) => writeWhole(resolve(path), content, mode),
    appeared: async (path, signal) => {
      const found = Promise.withResolvers<void>()
      // It may be rejected before anybody waits for it.
      found.promise.catch(() => {})
      const stop = new AbortController()
      const name = basename(path)
      signal.addEventListener('abort', () => found.reject(signal.reason), { once: true, signal: stop.signal })
      const look = async () => {
        if (await disk.exists(path)) found.resolve()
      }
      try {
        signal.throwIfAborted()
        await disk.watchDirectory(dirname(path), (changed) => changed === name && void look(), stop.signal)
        await look()
        await found.promise
      } finally {
        stop.abort()
      }
    },
    watchDirectory: async (directory, onChange, signal) => {
      await mkdir(resolve(directory), { recursive: true })
      const watcher = watch(resolve(directory), { signal }, (_, name) => onChange(name ?? ''))
      watcher.on('error', () => {})
    },
  }
  return disk
}

async function writeWhole(path: string, content: string, mode: number): Promise<boolean> {
  if (await holds(path, content, mode)) return false
  await mkdir(dirname(path), { recursive: true })
  const partial = join(dirname(path), `.${basename(path)}.partial`)
  await writeFile(partial, content, { mode: 0o600 })
  await chmod(partial, mode)
  await rename(partial, path)
  return true
}

async function holds(path: string, content: string, mode: number): Promise<boolean> {
  try {
    const { mode: present } = await stat(path)
    return (present & 0o777) === mode && (await readFile(path, 'utf8')) === content
  } catch {
    return false
  }
}
