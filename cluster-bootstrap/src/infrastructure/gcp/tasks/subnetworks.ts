import { Failure } from '@trellis/foundation/failure'
import type { Thing } from '../client.ts'
import { canGrow } from '../configuration.ts'
import type { Scene } from '../scene.ts'
import { type Drift, descriptionOf, keep, linkOf, networkOf, same } from './keep.ts'

/** The subnetwork of the nodes. */
export const nodesSubnetwork = keep({
  what: 'subnetwork/nodes',
  sort: 'Subnetworks',
  name: ({ names }) => names.nodes,
  usualName: ({ names }) => names.nodes,
  body: async (scene) => ({ ...commonBody(scene, scene.wanted.nodes), ...logBody(scene) }),
  drifts: async (scene, found) => [
    ...rangeDrift(scene, found, { wanted: scene.wanted.nodes, field: 'workers' }),
    ...logDrift(scene, found),
  ],
})

/** The subnetwork of load balancers inside the network, when it is asked for. */
export const internalSubnetwork = keep({
  what: 'subnetwork/internal',
  sort: 'Subnetworks',
  name: ({ wanted, names }) => (wanted.internal === undefined ? undefined : names.internal),
  usualName: ({ names }) => names.internal,
  body: async (scene) => commonBody(scene, scene.wanted.internal ?? ''),
  drifts: async (scene, found) => rangeDrift(scene, found, { wanted: scene.wanted.internal ?? '', field: 'internal' }),
})

function commonBody(scene: Scene, ipCidrRange: string): object {
  return {
    description: descriptionOf(scene),
    network: linkOf(scene, 'networks', networkOf(scene)),
    ipCidrRange,
    privateIpGoogleAccess: false,
  }
}

function rangeDrift(
  { client }: Scene,
  found: Thing,
  { wanted, field }: { readonly wanted: string; readonly field: string },
): readonly Drift[] {
  const present = String(found.ipCidrRange)
  if (present === wanted) return []
  if (!canGrow(present, wanted)) {
    throw new Failure('Invalid', `the subnetwork ${found.name} has the range ${present}, which can only grow`, {
      field: `spec.provider.infrastructureConfig.networks.${field}`,
    })
  }
  return [{ field: 'ipCidrRange', mend: () => client.growSubnetwork(found.name, wanted) }]
}

function logBody({ wanted }: Scene): object {
  return wanted.flowLogs === undefined ? {} : { logConfig: { enable: true, ...wanted.flowLogs } }
}

function logDrift({ client, wanted }: Scene, found: Thing): readonly Drift[] {
  const { enable = false, ...present } = (found.logConfig ?? {}) as Readonly<Record<string, unknown>>
  const wish = wanted.flowLogs
  if (wish === undefined ? enable !== true : enable === true && covers(present, wish)) return []
  const logConfig = wish === undefined ? { enable: false } : { enable: true, ...wish }
  return [
    {
      field: 'logConfig',
      mend: () => client.patch('Subnetworks', found.name, { logConfig, fingerprint: found.fingerprint }),
    },
  ]
}

/** What is not asked for is the cloud's to choose. */
function covers(present: Readonly<Record<string, unknown>>, wish: object): boolean {
  return Object.entries(wish).every(([key, value]) => {
    const shown = present[key]
    return typeof value === 'number' ? Math.abs(Number(shown) - value) < 1e-6 : same(shown, value)
  })
}
