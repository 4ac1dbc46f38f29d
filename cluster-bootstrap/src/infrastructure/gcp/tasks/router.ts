import { Failure } from '@trellis/foundation/failure'
import type { Thing } from '../client.ts'
import type { InfrastructureTask, Scene } from '../scene.ts'
import { type Drift, descriptionOf, keep, linkOf, networkOf, same } from './keep.ts'

type Nat = Readonly<Record<string, unknown>> & { readonly name: string }

const own = keep({
  what: 'router',
  sort: 'Routers',
  name: ({ names }) => names.router,
  usualName: ({ names }) => names.router,
  body: async (scene) => ({
    description: descriptionOf(scene),
    network: linkOf(scene, 'networks', networkOf(scene)),
    nats: [await natBody(scene)],
  }),
  drifts: natDrift,
})

/** The router with the translation of addresses that gives nodes a way out. A router that is there already keeps what others have on it. */
export const router: InfrastructureTask = {
  what: own.what,
  plan: async (scene) => {
    if (scene.wanted.given.router === undefined) return own.plan(scene)
    const drifts = await natDrift(scene, await given(scene, scene.wanted.given.router))
    return drifts.map(({ field }) => ({ action: 'update', what: own.what, field }))
  },
  apply: async (scene) => {
    if (scene.wanted.given.router === undefined) return own.apply(scene)
    for (const drift of await natDrift(scene, await given(scene, scene.wanted.given.router))) await drift.mend()
  },
  destroy: async (scene) => {
    const { given: there } = scene.wanted
    if (there.router === undefined) return own.destroy(scene)
    const found = await scene.client.find('Routers', there.router)
    const nats = natsOf(found)
    const others = nats.filter(({ name }) => name !== scene.names.nat)
    if (found !== undefined && others.length < nats.length)
      await scene.client.patch('Routers', found.name, { nats: others })
  },
}

async function given({ client, request }: Scene, name: string): Promise<Thing> {
  const found = await client.find('Routers', name)
  if (found !== undefined) return found
  throw new Failure('Invalid', `there is no router ${name} in the region ${request.region}`, {
    field: 'spec.provider.infrastructureConfig.networks.vpc.cloudRouter.name',
  })
}

async function natDrift(scene: Scene, found: Thing): Promise<readonly Drift[]> {
  const wanted = await natBody(scene)
  const nats = natsOf(found)
  const present = nats.find(({ name }) => name === wanted.name)
  if (present !== undefined && Object.entries(wanted).every(([key, value]) => same(said(present[key]), said(value))))
    return []
  const others = nats.filter(({ name }) => name !== wanted.name)
  return [{ field: 'nats', mend: () => scene.client.patch('Routers', found.name, { nats: [...others, wanted] }) }]
}

/** The API need not tell what is off or empty. */
function said(value: unknown): unknown {
  return value === false || (Array.isArray(value) && value.length === 0) ? undefined : value
}

function natsOf(found: Thing | undefined): readonly Nat[] {
  return (found?.nats ?? []) as readonly Nat[]
}

async function natBody(scene: Scene): Promise<Nat> {
  const { names, wanted } = scene
  const {
    natIPNames = [],
    minPortsPerVM,
    maxPortsPerVM,
    enableDynamicPortAllocation,
    endpointIndependentMapping,
  } = wanted.nat
  const natIps = await Promise.all(natIPNames.map(({ name }, index) => addressLink(scene, name, index)))
  const subnetworks = [names.nodes, ...(wanted.internal === undefined ? [] : [names.internal])]
  return {
    name: names.nat,
    natIpAllocateOption: natIps.length === 0 ? 'AUTO_ONLY' : 'MANUAL_ONLY',
    natIps,
    sourceSubnetworkIpRangesToNat: 'LIST_OF_SUBNETWORKS',
    subnetworks: subnetworks.map((name) => ({
      name: linkOf(scene, 'subnetworks', name),
      sourceIpRangesToNat: ['ALL_IP_RANGES'],
      secondaryIpRangeNames: [],
    })),
    minPortsPerVm: minPortsPerVM ?? ((enableDynamicPortAllocation ?? false) ? 64 : 2048),
    ...(maxPortsPerVM === undefined ? {} : { maxPortsPerVm: maxPortsPerVM }),
    enableDynamicPortAllocation: enableDynamicPortAllocation ?? false,
    enableEndpointIndependentMapping: endpointIndependentMapping?.enabled ?? false,
  }
}

async function addressLink({ client, request }: Scene, name: string, index: number): Promise<string> {
  const found = await client.find('Addresses', name)
  if (found !== undefined) return found.selfLink
  throw new Failure('Invalid', `there is no address ${name} in the region ${request.region}`, {
    field: `spec.provider.infrastructureConfig.networks.cloudNAT.natIPNames[${index}].name`,
  })
}
