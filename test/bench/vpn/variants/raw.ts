import { buildRig, places } from '../rig.ts'
import type { Variant } from './variant.ts'

/** No tunnel: the shoot's end forwards what comes by the cable. What host and measuring program can do at most. */
export const openRaw: Variant = async ({ laboratory }) => {
  const rig = await buildRig(laboratory, 'raw')
  await rig.seed.run('ip', 'route', 'add', places.podNetwork, 'via', places.shoot)
  return { rig, seedProcesses: async () => ({}) }
}
