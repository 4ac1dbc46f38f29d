import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** One thing in a directory tree. */
interface Node {
  readonly path: string
  readonly kind: 'directory' | 'file' | 'link' | 'other'
  readonly mode: number
  readonly size: number
  readonly modifiedMilliseconds: number
}

/** How many directory entries are looked at side by side. */
const concurrency = 64

async function listTree(root: string): Promise<readonly Node[]> {
  const found: Node[] = []
  const pending = ['']
  while (pending.length > 0) {
    const directory = pending.pop() ?? ''
    const names = await readdir(join(root, directory))
    for (let start = 0; start < names.length; start += concurrency) {
      const nodes = await Promise.all(
        names.slice(start, start + concurrency).map((name) => inspect(root, join(directory, name))),
      )
      for (const node of nodes) {
        found.push(node)
        if (node.kind === 'directory') pending.push(node.path)
      }
    }
  }
  return found.sort((left, right) => (left.path < right.path ? -1 : 1))
}

async function inspect(root: string, path: string): Promise<Node> {
  const status = await lstat(join(root, path))
  const kind = status.isDirectory()
    ? 'directory'
    : status.isFile()
      ? 'file'
      : status.isSymbolicLink()
        ? 'link'
        : 'other'
  return {
    path,
    kind,
    mode: status.mode,
    size: kind === 'directory' ? 0 : status.size,
    modifiedMilliseconds: kind === 'file' ? Math.trunc(status.mtimeMs) : 0,
  }
}

/**
 * A digest of names, kinds, modes, sizes and modification times below `root`: cheap, and different as soon as a file was added,
 * removed, cut short or rewritten.
 */
export async function fingerprintTree(root: string): Promise<string> {
  const hash = createHash('sha256')
  for (const node of await listTree(root)) {
    hash.update(`${node.path}\0${node.kind}\0${node.mode}\0${node.size}\0${node.modifiedMilliseconds}\n`)
  }
  return hash.digest('hex')
}

/** A digest of everything below `root` except times: equal trees have equal digests wherever and whenever they were made. */
export async function digestTree(root: string): Promise<string> {
  const hash = createHash('sha256')
  for (const node of await listTree(root)) {
    hash.update(`${node.path}\0${node.kind}\0${node.mode}\0`)
    if (node.kind === 'file') hash.update(await digestFile(join(root, node.path)))
    if (node.kind === 'link') hash.update(await readlink(join(root, node.path)))
    hash.update('\n')
  }
  return hash.digest('hex')
}

/** SHA-256 of one file's bytes, in hexadecimal digits. */
export async function digestFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}
