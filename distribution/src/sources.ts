import { createHash } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** Folders that never hold sources. */
const skipped = new Set(['node_modules', '.git', 'coverage'])

/** Paths, relative to `directory` and sorted, of the files below it, and of links to files, for which `wanted` answers true. Empty when there is no such directory. */
export async function listSources(
  directory: string,
  wanted: (path: string) => boolean = () => true,
): Promise<readonly string[]> {
  const found: string[] = []
  const pending = ['']
  while (pending.length > 0) {
    const folder = pending.pop() ?? ''
    for (const entry of await entriesOf(join(directory, folder))) {
      const path = join(folder, entry.name)
      if (entry.isDirectory() && !skipped.has(entry.name)) pending.push(path)
      else if (wanted(path) && (await isFile(join(directory, path), entry))) found.push(path)
    }
  }
  return found.sort()
}

async function isFile(path: string, entry: Dirent): Promise<boolean> {
  return entry.isFile() || (entry.isSymbolicLink() && (await stat(path)).isFile())
}

async function entriesOf(directory: string) {
  try {
    return await readdir(directory, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** A digest of names and contents of the files, whatever their modes and times: equal checkouts have equal digests. */
export async function digestSources(directory: string, paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  const texts = await Promise.all(paths.map((path) => readFile(join(directory, path))))
  for (const [index, text] of texts.entries()) hash.update(`${paths[index]}\0${text.length}\0`).update(text)
  return hash.digest('hex')
}

interface PackageManifest {
  readonly name: string
  readonly workspaces?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
}

/** The folders of a room and of every room that it imports, directly or not, sorted. */
export async function roomsBelow(repositoryDirectory: string, room: string): Promise<readonly string[]> {
  const { workspaces = [] } = await readManifest(repositoryDirectory)
  const manifests = new Map<string, { folder: string; manifest: PackageManifest }>()
  for (const folder of workspaces) {
    const manifest = await readManifest(join(repositoryDirectory, folder))
    manifests.set(manifest.name, { folder, manifest })
  }
  const pending = [...manifests.values()].filter(({ folder }) => folder === room)
  if (pending.length === 0) throw new Failure('NotFound', `there is no room ${room} in the workspaces of package.json`)
  const found = new Set<string>()
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (found.has(next.folder)) continue
    found.add(next.folder)
    for (const name of Object.keys(next.manifest.dependencies ?? {})) {
      const below = manifests.get(name)
      if (below !== undefined) pending.push(below)
    }
  }
  return [...found].sort()
}

async function readManifest(directory: string): Promise<PackageManifest> {
  return JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as PackageManifest
}
