import { type FileHandle, open } from 'node:fs/promises'

const blockBytes = 512

/** Largest index that is believed. */
const indexLimitBytes = 4 * 1024 * 1024

/** Names of the images in an OCI archive, from its index alone: nothing else of the archive is read. Empty when it has no index or names none. */
export async function readImageNames(path: string): Promise<readonly string[]> {
  const file = await open(path)
  try {
    const index = await findEntry(file, 'index.json')
    if (index === undefined) return []
    const { manifests } = JSON.parse(index) as { manifests?: { annotations?: Record<string, string> }[] }
    return (manifests ?? []).flatMap(({ annotations }) => annotations?.['io.containerd.image.name'] ?? [])
  } finally {
    await file.close()
  }
}

async function findEntry(file: FileHandle, wanted: string): Promise<string | undefined> {
  const header = Buffer.alloc(blockBytes)
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(header, 0, blockBytes, position)
    if (bytesRead < blockBytes || header[0] === 0) return undefined
    const name = text(header, 0, 100).replace(/^\.\//, '')
    const size = entrySize(header)
    if (name === wanted && size <= indexLimitBytes) {
      const content = Buffer.alloc(size)
      await file.read(content, 0, size, position + blockBytes)
      return content.toString('utf8')
    }
    position += blockBytes + Math.ceil(size / blockBytes) * blockBytes
  }
}

/** Size of an entry: octal digits, or a binary number when the first bit is set. */
function entrySize(header: Buffer): number {
  const first = header[124] ?? 0
  if ((first & 0x80) !== 0) return Number(header.readBigUInt64BE(128))
  return Number.parseInt(text(header, 124, 12).trim() || '0', 8)
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.subarray(0, end < 0 ? length : end).toString('latin1')
}
