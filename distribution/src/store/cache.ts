import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import type { Random } from '@trellis/foundation/random'
import { takeLock } from './lock.ts'
import type { Entry, Source } from './part.ts'
import { digestTree, fingerprintTree } from './tree.ts'

/** Raised whenever the layout of entries changes, so that old ones are made anew. */
const layout = 1

/** Makes the content of an entry: fills `content`, may use `scratch`. */
export type Maker = (content: string, scratch: string) => Promise<Source>

/** Finished parts on disk, by the digest of what they were made from. */
export interface Cache {
  /** The entry, when it is there and has not been tampered with. */
  find(part: string, key: string): Promise<Entry | undefined>
  /** The entry, made by `make` unless it is there. One process at a time makes entries of one part; an entry appears whole or not at all. */
  obtain(part: string, key: string, make: Maker, signal?: AbortSignal): Promise<Entry>
  /** Removes entries of the part beyond the `keep` most recently used, except those for which `inUse` answers true. */
  prune(part: string, keep: number, inUse: (directory: string) => boolean): Promise<readonly string[]>
}

interface Manifest {
  readonly layout: number
  readonly digest: string
  readonly fingerprint: string
  readonly source: Source
}

/** The digest that stands for a recipe and everything that goes into it. */
export function keyOf(part: string, inputs: readonly string[]): string {
  const hash = createHash('sha256').update(`${layout}\0${part}\0`)
  for (const input of inputs) hash.update(`${Buffer.byteLength(input)}\0${input}\0`)
  return hash.digest('hex')
}

/** A cache in `root`. Entries that do not match their manifest count as absent and are replaced. */
export function createCache(clock: Clock, random: Random, runner: CommandRunner, root: string): Cache {
  return {
    find,
    obtain: async (part, key, make, signal) => {
      const lock = await takeLock(runner, join(root, part, 'lock'), signal)
      try {
        return (await find(part, key)) ?? (await produce(part, key, make))
      } finally {
        await lock.release()
      }
    },
    prune: async (part, keep, inUse) => {
      const lock = await takeLock(runner, join(root, part, 'lock'))
      try {
        return await pruneLocked(part, keep, inUse)
      } finally {
        await lock.release()
      }
    },
  }

  async function find(part: string, key: string): Promise<Entry | undefined> {
    const manifest = await readManifest(join(root, part, key, 'entry.json'))
    if (manifest === undefined) return undefined
    const directory = join(root, part, key, 'content')
    const fingerprint = await unlessAbsent(async () => fingerprintTree(directory))
    if (fingerprint !== manifest.fingerprint) return undefined
    const seconds = clock.now() / 1000
    await utimes(join(root, part, key, 'entry.json'), seconds, seconds)
    return { part, key, digest: manifest.digest, source: manifest.source, fresh: false, directory }
  }

  async function produce(part: string, key: string, make: Maker): Promise<Entry> {
    await removeRests(part)
    const making = join(root, part, `.making-${random.text(8)}`)
    const content = join(making, 'content')
    const scratch = join(making, 'scratch')
    try {
      for (const directory of [content, scratch]) await mkdir(directory, { recursive: true, mode: 0o755 })
      await chmod(content, 0o755)
      const source = await make(content, scratch)
      await rm(scratch, { recursive: true, force: true })
      const manifest: Manifest = {
        layout,
        digest: await digestTree(content),
        fingerprint: fingerprintTree(content),
        source,
      }
      await writeFile(join(making, 'entry.json'), `${JSON.stringify(manifest)}\n`)
      await replace(part, key, making)
      return { part, key, digest: manifest.digest, source, fresh: true, directory: join(root, part, key, 'content') }
    } catch (error) {
      await rm(making, { recursive: true, force: true })
      throw error
    }
  }

  async function replace(part: string, key: string, making: string): Promise<void> {
    const target = join(root, part, key)
    const discarded = join(root, part, `.discarded-${random.text(8)}`)
    await unlessAbsent(() => rename(target, discarded))
    await rename(making, target)
    await rm(discarded, { recursive: true, force: true })
  }

  /** What a killed maker left. Only the holder of the part's lock may call this. */
  async function removeRests(part: string): Promise<void> {
    for (const name of await readdir(join(root, part)))
      if (name.startsWith('.')) await rm(join(root, part, name), { recursive: true, force: true })
  }

  async function pruneLocked(part: string, keep: number, inUse: (directory: string) => boolean) {
    const keys = (await readdir(join(root, part))).filter((name) => /^[0-9a-f]{64}$/.test(name))
    const aged = await Promise.all(
      keys.map(async (key) => ({ key, used: await lastUse(join(root, part, key, 'entry.json')) })),
    )
    const removable = aged
      .sort((left, right) => right.used - left.used)
      .slice(keep)
      .map(({ key }) => join(root, part, key))
      .filter((directory) => !inUse(directory))
    for (const directory of removable) await rm(directory, { recursive: true, force: true })
    return removable
  }
}

async function readManifest(path: string): Promise<Manifest | undefined> {
  const text = await unlessAbsent(() => readFile(path, 'utf8'))
  if (text === undefined) return undefined
  try {
    const manifest = JSON.parse(text) as Manifest
    return manifest.layout === layout ? manifest : undefined
  } catch {
    return undefined // cut short: as good as absent
  }
}

async function lastUse(path: string): Promise<number> {
  return (await unlessAbsent(() => stat(path)))?.mtimeMs ?? 0
}

/** The value, or undefined when a file on the way to it does not exist. */
async function unlessAbsent<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
