import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { methodsInUse, trimDocument, type WholeDocument } from './discovery.ts'

/** The package that Google ships its discovery documents in, under the Apache License 2.0. */
const source = 'google-api-python-client==2.202.0'

const run = promisify(execFile)
const directory = await mkdtemp(join(tmpdir(), 'trellis-discovery-'))
try {
  await run('python3', ['-m', 'pip', 'download', '--no-deps', '--dest', directory, source])
  const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl')) ?? ''
  await run('python3', ['-m', 'zipfile', '-e', join(directory, wheel), directory])
  for (const [api, ids] of Object.entries(methodsInUse)) {
    const file = join(directory, 'googleapiclient/discovery_cache/documents', `${api}.v1.json`)
    const document = trimDocument(JSON.parse(await readFile(file, 'utf8')) as WholeDocument, ids)
    const target = fileURLToPath(new URL(`../generated/${api}.json`, import.meta.url))
    await writeFile(target, `${JSON.stringify({ source, ...document })}\n`)
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}
