import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { bundleDeployable, entryOf } from './bundle.ts'

test.each([
  { form: 'one-file', files: ['main.mjs'] },
  { form: 'lazy-files', files: ['main-later-*.mjs', 'main.mjs'] },
] as const)('a bundle in the form $form runs by itself, without what is not used', async ({ form, files }) => {
  await using room = await createTemporaryDirectory()
  await writeFile(join(room.path, 'used.ts'), 'export const used: string = "used"\nexport const idle = "left out"\n')
  await writeFile(join(room.path, 'later.ts'), 'export const later: number = 7\n')
  await writeFile(
    join(room.path, 'main.ts'),
    [
      'import { basename } from "node:path"',
      'import { used } from "./used.ts"',
      'const { later } = await import("./later.ts")',
      'export const answer: string = [basename("/a/b"), used, later].join(" ")',
    ].join('\n'),
  )
  const output = join(room.path, 'out/main.mjs')
  await bundleDeployable(room.path, join(room.path, 'main.ts'), output, form)
  const made = (await readdir(join(room.path, 'out'))).sort()
  expect(made.map((name) => name.replace(/^(main-later-).+(\.mjs)$/, '$1*$2'))).toEqual(files)
  expect((await import(pathToFileURL(output).href)).answer).toBe('b used 7')
  expect(await readFile(output, 'utf8')).not.toContain('left out')
})

test('the same sources give the same bundle wherever they lie', async () => {
  await using one = await createTemporaryDirectory()
  await using other = await createTemporaryDirectory()
  const bundle = async (root: string) => {
    await writeFile(join(root, 'part.ts'), 'export const part = Math.random()\n')
    await writeFile(join(root, 'main.ts'), 'import { part } from "./part.ts"\nexport const whole = part + 1\n')
    await bundleDeployable(root, join(root, 'main.ts'), join(root, 'main.mjs'))
    return readFile(join(root, 'main.mjs'), 'utf8')
  }
  expect(await bundle(one.path)).toBe(await bundle(other.path))
})

test('message definitions that nobody reads are left out, and the rest of their package is not', async () => {
  await using room = await createTemporaryDirectory()
  const protos = join(room.path, 'node_modules/google-gax/build/protos')
  await mkdir(protos, { recursive: true })
  const texts = { iam_service: 'unread', operations: 'unread', http: 'read' }
  for (const [name, text] of Object.entries(texts))
    await writeFile(join(protos, `${name}.js`), `module.exports = {text: "${text}"}\n`)
  const from = (name: string) => `./node_modules/google-gax/build/protos/${name}.js`
  await writeFile(
    join(room.path, 'main.ts'),
    `import a from "${from('iam_service')}"\nimport b from "${from('operations')}"\nimport c from "${from('http')}"\nexport const all = [a, b, c]\n`,
  )
  const output = join(room.path, 'main.mjs')
  await bundleDeployable(room.path, join(room.path, 'main.ts'), output)
  expect((await import(pathToFileURL(output).href)).all).toEqual([{}, {}, { text: 'read' }])
  expect(await readFile(output, 'utf8')).not.toContain('unread')
})

test('a bundle needs one byte for each character, whatever its sources say', async () => {
  await using room = await createTemporaryDirectory()
  await writeFile(join(room.path, 'main.ts'), '/** Gänsefüßchen: „…“ */\nexport const text = "a – b"\n')
  const output = join(room.path, 'out/main.mjs')
  await bundleDeployable(room.path, join(room.path, 'main.ts'), output)
  expect(await readFile(output, 'utf8')).toMatch(/^[\0-\xff]+$/)
  expect((await import(pathToFileURL(output).href)).text).toBe('a – b')
})

test('a deployable without a beginning is named', async () => {
  await using repository = await createTemporaryDirectory()
  await expect(entryOf(repository.path, 'mcm')).rejects.toMatchObject({
    kind: 'NotFound',
    message: 'mcm/src/main.ts is missing, so mcm cannot be bundled',
  })
})

test.each([
  ['a file', 'import "./absent.ts"\n'],
  ['a package', 'import { absent } from "absent-package"\nabsent()\n'],
])('sources that lack %s are Invalid', async (_what, text) => {
  await using room = await createTemporaryDirectory()
  const entry = join(room.path, 'main.ts')
  await writeFile(entry, text)
  await expect(bundleDeployable(room.path, entry, join(room.path, 'main.mjs'))).rejects.toMatchObject({
    kind: 'Invalid',
    message: expect.stringContaining('cannot be bundled'),
  })
})

test("the runtime's own modules load nothing that only their unused names need", async () => {
  await using room = await createTemporaryDirectory()
  await writeFile(
    join(room.path, 'main.ts'),
    [
      'import { createServer } from "node:http"',
      'import * as path from "node:path"',
      'import os, { EOL } from "os"',
      'import { createRequire } from "node:module"',
      'const { gzipSync } = await import("node:zlib")',
      'const loaded = (process as unknown as { moduleLoadList: string[] }).moduleLoadList',
      'const kinds = [createServer, path.join, path.default.join, os.cpus, gzipSync, createRequire].map((one) => typeof one)',
      'console.log(JSON.stringify({ kinds, EOL, undici: loaded.some((name) => name.includes("undici")) }))',
    ].join('\n'),
  )
  const output = join(room.path, 'out/main.mjs')
  await bundleDeployable(room.path, join(room.path, 'main.ts'), output)
  const { stdout } = await promisify(execFile)(process.execPath, [output])
  expect(JSON.parse(stdout)).toEqual({ kinds: Array(6).fill('function'), EOL: '\n', undici: false })
})
