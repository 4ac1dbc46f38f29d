import type { Task } from '@trellis/flow/task'
import { Failure } from '@trellis/foundation/failure'
import { createGardenKeys, type GardenKeys, parseGardenKeys } from '../../garden/keys.ts'
import { paths } from '../../installation.ts'
import { readStored, writeWhole } from '../../store.ts'
import type { UpServices } from '../services.ts'

/** Makes the garden's authorities once; they never travel through the journal. */
export const gardenKeys: Task<UpServices> = {
  id: 'garden keys',
  dependsOn: ['host'],
  run: async ({ services }) => {
    const path = paths(services.installation).gardenKeys
    if ((await readStored(path, parseGardenKeys)) !== undefined) return
    const keys = await createGardenKeys(services.certificates)
    await writeWhole(path, `${JSON.stringify(keys, null, 2)}\n`)
  },
}

/** The keys that {@link gardenKeys} made. */
export async function readGardenKeys(services: UpServices): Promise<GardenKeys> {
  const path = paths(services.installation).gardenKeys
  const keys = await readStored(path, parseGardenKeys)
  if (keys === undefined) throw new Failure('NotFound', `${path} is missing`, { remedy: 'run "trellis up" again' })
  return keys
}
