import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import { InvariantError } from '@trellis/foundation/failure'
import { type Header, type Pack, pack } from 'tar-stream'

/** One file, folder or symbolic link of a layer. Paths are absolute in the image; folders above are added by themselves. */
export type LayerItem =
  | { readonly kind: 'folder'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'text'; readonly path: string; readonly text: string; readonly mode?: number }
  | {
      readonly kind: 'file'
      readonly path: string
      /** Path of the bytes on this host. */
      readonly source: string
      readonly mode?: number
      /** Linux file capabilities in their on-disk form. */
      readonly capabilities?: Buffer
    }

/** A blob in a directory of blobs. */
export interface Blob {
  /** `sha256:` and hexadecimal digits. */
  readonly digest: string
  readonly size: number
}

/** The items of a layer and all folders above them, sorted by path, so that equal sets give equal layers. */
export function arrangeItems(items: readonly LayerItem[]): readonly LayerItem[] {
  const arranged = new Map<string, LayerItem>()
  for (const item of items) {
    if (!item.path.startsWith('/') || item.path.endsWith('/'))
      throw new InvariantError(`${item.path} is not an absolute path in an image`)
    const earlier = arranged.get(item.path)
    if (earlier !== undefined && JSON.stringify(earlier) !== JSON.stringify(item))
      throw new InvariantError(`a layer has two different things at ${item.path}`)
    arranged.set(item.path, item)
  }
  for (const path of items.flatMap((item) => foldersAbove(item.path))) {
    const present = arranged.get(path)
    if (present === undefined) arranged.set(path, { kind: 'folder', path })
    else if (present.kind !== 'folder') throw new InvariantError(`${path} holds files but is no folder`)
  }
  return [...arranged.values()].sort((left, right) => (left.path < right.path ? -1 : 1))
}

function foldersAbove(path: string): readonly string[] {
  const names = path.split('/').slice(1, -1)
  return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`)
}

/** A layer: a compressed blob, and the digest of what is in it. */
export interface Layer extends Blob {
  /** Digest of the uncompressed archive, by which an image's configuration knows the layer. */
  readonly contentDigest: string
}

/**
 * Writes a layer, compressed with Zstandard, to `path`. No times, owners or order of the host get into it: the same items always give
 * the same digests.
 */
export async function writeLayer(items: readonly LayerItem[], path: string): Promise<Layer> {
  const tar = pack()
  const content = createMeter()
  const compressed = createMeter()
  const compressor = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  await Promise.all([
    pipeline(asNodeStream(tar), content.stream, compressor, compressed.stream, createWriteStream(path)),
    addItems(tar, arrangeItems(items)),
  ])
  return { ...compressed.read(), contentDigest: content.read().digest }
}

async function addItems(tar: Pack, items: readonly LayerItem[]): Promise<void> {
  for (const item of items) await addItem(tar, item)
  tar.finalize()
}

async function addItem(tar: Pack, item: LayerItem): Promise<void> {
  const name = item.path.slice(1)
  if (item.kind === 'folder') return addText(tar, { name: `${name}/`, type: 'directory', mode: item.mode ?? 0o755 })
  if (item.kind === 'link') return addText(tar, { name, type: 'symlink', linkname: item.target, mode: 0o777 })
  if (item.kind === 'text') return addText(tar, { name, mode: item.mode ?? 0o644 }, item.text)
  await addFile(tar, { name, mode: item.mode ?? 0o644, ...capabilityHeader(item.capabilities) }, item.source)
}

/** What an entry of an archive says about itself; owner and time are left to this module. */
export type EntryHeader = Partial<Header> & Pick<Header, 'name'>

/** Adds an entry without owner and time. */
export function addText(tar: Pack, header: EntryHeader, text?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve())
    if (text === undefined) tar.entry({ ...header, ...anonymous }, done)
    else tar.entry({ ...header, ...anonymous, size: Buffer.byteLength(text) }, text, done)
  })
}

/** Adds a file of this host without owner and time. */
export async function addFile(tar: Pack, header: EntryHeader, source: string): Promise<void> {
  const { size } = await stat(source)
  const entry = tar.entry({ ...header, ...anonymous, size })
  await pipeline(createReadStream(source, { highWaterMark: 1024 * 1024 }), entry as unknown as NodeJS.WritableStream)
}

const anonymous = { uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) }

function capabilityHeader(capabilities: Buffer | undefined): Partial<Header> {
  if (capabilities === undefined) return {}
  return { pax: { 'SCHILY.xattr.security.capability': capabilities.toString('latin1') } }
}

/** Writes a tar stream to `path` and tells its digest and size. */
export async function writeBlob(tar: Pack, path: string): Promise<Blob> {
  const meter = createMeter()
  await pipeline(asNodeStream(tar), meter.stream, createWriteStream(path))
  return meter.read()
}

/** Lets a stream through and learns its digest and size. */
function createMeter() {
  const hash = createHash('sha256')
  let size = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      size += chunk.length
      done(null, chunk)
    },
  })
  return { stream, read: (): Blob => ({ digest: `sha256:${hash.digest('hex')}`, size }) }
}

/** The packer is a stream as Node has them in all but its declared type. */
function asNodeStream(tar: Pack): NodeJS.ReadableStream {
  return tar as unknown as NodeJS.ReadableStream
}
