import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { trimDescriptors } from './descriptors.ts'

const target = fileURLToPath(new URL('../generated/compute-descriptors.json', import.meta.url))
await writeFile(target, `${JSON.stringify(await trimDescriptors())}\n`)
