import { join } from 'node:path'
import { type Pack, pack } from 'tar-stream'
import { type Image, manifestMediaType } from './image.ts'
import { addFile, addText, type Blob, writeBlob } from './layer.ts'

/** An image under the name by which it will be known. */
export interface NamedImage {
  readonly reference: string
  readonly image: Image
}

/**
 * Writes the images, whose blobs lie in `blobsDirectory`, into one OCI archive; blobs that several share are in it once. The same
 * images always give the same bytes.
 */
export async function writeArchive(images: readonly NamedImage[], blobsDirectory: string, path: string): Promise<Blob> {
  const tar = pack()
  const [blob] = await Promise.all([writeBlob(tar, path), addAll(tar, images, blobsDirectory)])
  return blob
}

async function addAll(tar: Pack, images: readonly NamedImage[], blobsDirectory: string): Promise<void> {
  await addText(tar, { name: 'oci-layout' }, JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  await addText(tar, { name: 'index.json' }, archiveIndex(images))
  for (const folder of ['blobs/', 'blobs/sha256/']) await addText(tar, { name: folder, type: 'directory', mode: 0o755 })
  const digests = new Set(images.flatMap(({ image }) => image.blobs.map((blob) => blob.digest.slice('sha256:'.length))))
  for (const digest of [...digests].sort()) {
    await addFile(tar, { name: `blobs/sha256/${digest}`, mode: 0o644 }, join(blobsDirectory, digest))
  }
  tar.finalize()
}

/** The index of an archive; importers take the image's name from either annotation. */
export function archiveIndex(images: readonly NamedImage[]): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [...images]
      .sort((left, right) => (left.reference < right.reference ? -1 : 1))
      .map(({ reference, image }) => ({
        mediaType: manifestMediaType,
        digest: image.manifest.digest,
        size: image.manifest.size,
        annotations: {
          'io.containerd.image.name': reference,
          'org.opencontainers.image.ref.name': reference.slice(reference.lastIndexOf(':') + 1),
        },
      })),
  })
}
