import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import { adaptModule } from './adapted-module.ts'

const upstreamText = 'package pool\n\nfunc get() {}\n'
const digest = createHash('sha256').update(upstreamText).digest('hex')

async function setUp(files: object) {
  const root = await createTemporaryDirectory()
  const [moduleDirectory, cached, directory] = ['part', 'cached', 'made'].map((name) => join(root.path, name)) as [
    string,
    string,
    string,
  ]
  for (const folder of ['part/adapted/pool', 'cached/pool', 'made']) {
    await mkdir(join(root.path, folder), { recursive: true })
  }
  await writeFile(join(cached, 'pool/pool.go'), upstreamText)
  // As Go keeps them.
  await chmod(join(cached, 'pool/pool.go'), 0o444)
  await writeFile(join(moduleDirectory, 'go.mod'), 'module part\n')
  await writeFile(join(moduleDirectory, 'go.sum'), 'sums\n')
  await writeFile(join(moduleDirectory, 'adapted/edits.json'), JSON.stringify({ module: 'example.org/pool', files }))
  await writeFile(join(moduleDirectory, 'adapted/pool/ours.go'), 'package pool\n')
  const runner = createFakeRunner({ '/go': () => ({ stdout: JSON.stringify({ Dir: cached }) }) })
  return {
    directory,
    runner,
    adapt: () => adaptModule({ go: { program: '/go', version: 'go1.26.8' }, runner, moduleDirectory, directory }),
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  }
}

test('a changed copy of the upstream module stands in for it', async () => {
  await using house = await setUp({ 'pool/pool.go': { sha256: digest, edits: [['func get()', 'func got()']] } })
  await house.adapt()
  expect(house.runner.calls).toEqual(['/go mod download -json example.org/pool'])
  expect((await readdir(house.directory, { recursive: true })).sort()).toEqual(
    ['go.mod', 'go.sum', 'upstream', 'upstream/pool', 'upstream/pool/ours.go', 'upstream/pool/pool.go'].sort(),
  )
  expect(await readFile(join(house.directory, 'upstream/pool/pool.go'), 'utf8')).toBe('package pool\n\nfunc got() {}\n')
  expect(await readFile(join(house.directory, 'go.mod'), 'utf8')).toBe(
    'module part\n\nreplace example.org/pool => ./upstream\n',
  )
})

test('an upstream file other than the one that the changes were written for is refused, also when nothing in it is changed', async () => {
  await using house = await setUp({ 'pool/pool.go': { sha256: '0'.repeat(64) } })
  await expect(house.adapt()).rejects.toMatchObject({
    kind: 'Conflict',
    field: 'files["pool/pool.go"].sha256',
    message: `pool/pool.go of example.org/pool is not the file that our changes were written for: ${digest}`,
    remedy: expect.stringContaining('edits.json'),
  })
})

test.each([
  ['nowhere', 'func put()', '0 times'],
  ['twice', 'e', '2 times'],
])('an edit whose text is %s in the file is refused', async (_where, before, count) => {
  await using house = await setUp({ 'pool/pool.go': { sha256: digest, edits: [[before, 'x']] } })
  await expect(house.adapt()).rejects.toMatchObject({
    kind: 'Conflict',
    field: 'files["pool/pool.go"].edits',
    message: expect.stringContaining(count),
  })
})
