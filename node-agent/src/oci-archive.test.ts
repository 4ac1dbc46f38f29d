import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { archiveOf, archiveWithImages } from '../testing/archive.ts'
import { readImageNames } from './oci-archive.ts'

async function namesIn(archive: Buffer) {
  await using directory = await createTemporaryDirectory()
  const path = join(directory.path, 'image.tar')
  await writeFile(path, archive)
  return await readImageNames(path)
}

describe('readImageNames', () => {
  it('finds every name in the index, wherever it stands in the archive', async () => {
    expect(await namesIn(archiveWithImages('registry.k8s.io/pause:3.10.2', 'trellis.internal/mcm:0123'))).toEqual([
      'registry.k8s.io/pause:3.10.2',
      'trellis.internal/mcm:0123',
    ])
  })

  it.each([
    ['an archive without index', archiveOf({ 'blobs/sha256/a': 'x'.repeat(1025) })],
    ['an index without names', archiveOf({ './index.json': '{"manifests":[{"digest":"sha256:a"}]}' })],
    ['an empty file', Buffer.alloc(0)],
    ['an archive that is cut off', archiveWithImages('a').subarray(0, 700)],
  ])('finds none in %s', async (_, archive) => {
    expect(await namesIn(archive)).toEqual([])
  })
})
