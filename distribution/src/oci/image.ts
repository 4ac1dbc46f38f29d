import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Architecture } from '../pins.ts'
import type { Blob, Layer } from './layer.ts'

/** How the containers of an image start. */
export interface ImageSettings {
  readonly entrypoint: readonly string[]
  readonly command?: readonly string[]
  /** User and optionally group, as numbers. */
  readonly user?: string
  readonly environment?: readonly string[]
  readonly workingDirectory?: string
}

/** A finished image in a directory of blobs. */
export interface Image {
  readonly manifest: Blob
  /** Every blob that belongs to the image, the manifest included. */
  readonly blobs: readonly Blob[]
}

const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+zstd',
}

/** Media type of image manifests. */
export const manifestMediaType = mediaTypes.manifest

const searchPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The image's configuration: the same layers and settings always give the same text. */
export function imageConfiguration(
  architecture: Architecture,
  layers: readonly Layer[],
  settings: ImageSettings,
): string {
  return JSON.stringify({
    created: '1970-01-01T00:00:00Z',
    architecture,
    os: 'linux',
    config: {
      ...(settings.user === undefined ? {} : { User: settings.user }),
      Env: [searchPath, ...(settings.environment ?? [])],
      Entrypoint: settings.entrypoint,
      ...(settings.command === undefined ? {} : { Cmd: settings.command }),
      WorkingDir: settings.workingDirectory ?? '/',
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.contentDigest) },
  })
}

/** Writes configuration and manifest of an image made of layers that lie in the directory of blobs already, lowest first. */
export async function writeImage(
  architecture: Architecture,
  layers: readonly Layer[],
  settings: ImageSettings,
  blobsDirectory: string,
): Promise<Image> {
  const config = await writeText(imageConfiguration(architecture, layers, settings), blobsDirectory)
  const manifest = await writeText(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest: config.digest, size: config.size },
      layers: layers.map(({ digest, size }) => ({ mediaType: mediaTypes.layer, digest, size })),
    }),
    blobsDirectory,
  )
  return { manifest, blobs: [...layers, config, manifest] }
}

async function writeText(text: string, blobsDirectory: string): Promise<Blob> {
  const digest = createHash('sha256').update(text).digest('hex')
  await writeFile(join(blobsDirectory, digest), text)
  return { digest: `sha256:${digest}`, size: Buffer.byteLength(text) }
}
