import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generatedFiles } from './files.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

for (const { path, text } of generatedFiles()) {
  const target = `${repository}${path}`
  await mkdir(dirname(target), { recursive: true })
  await writeFile(target, text)
}
