import { copyFile, mkdir, readdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** Copies the definitions of our kinds from where they are generated into the umbrella chart. A test tells when that is due. */
const from = fileURLToPath(new URL('../../api/generated/crds/', import.meta.url))
const to = fileURLToPath(new URL('../../charts/trellis/crds/', import.meta.url))

await rm(to, { recursive: true, force: true })
await mkdir(to)
for (const file of await readdir(from)) await copyFile(`${from}${file}`, `${to}${file}`)
