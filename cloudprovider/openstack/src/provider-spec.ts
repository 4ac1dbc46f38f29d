import { isIP } from 'node:net'
import { ownershipTags, type TagSyntax } from '@trellis/cloudprovider/contract/tags'
import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import { parseUnder } from './parse-under.ts'

const name = (description: string) => Type.String({ minLength: 1, maxLength: 255, description })
const optional = (description: string) => Type.Optional(Type.String({ maxLength: 255, description }))
const closed = { additionalProperties: false }

const network = Type.Object(
  {
    id: optional('Id of the network.'),
    name: optional('Name of the network, when no id is given.'),
    podNetwork: Type.Optional(Type.Boolean({ description: 'Whether pods talk over this network.' })),
  },
  closed,
)

const serverSchema = Type.Object(
  {
    imageID: optional('Id of the image; wins over its name.'),
    imageName: optional('Name of the image.'),
    region: name('Region of the endpoints.'),
    availabilityZone: name('Zone of the server.'),
    flavorName: name('Name of the flavor.'),
    keyName: name('Name of the key pair.'),
    securityGroups: Type.Optional(Type.Array(name('Name or id of a security group.'), { maxItems: 50 })),
    tags: Type.Unsafe<Record<string, string>>({
      type: 'object',
      maxProperties: 128,
      propertyNames: { minLength: 1, maxLength: 255 },
      additionalProperties: { type: 'string', maxLength: 255 },
      description: 'Metadata of the server; one key must name the cluster and one the role.',
    }),
    networkID: optional('Id of the only network.'),
    networks: Type.Optional(Type.Array(network, { maxItems: 20 })),
    subnetID: Type.Optional(Type.String({ maxLength: 255, description: 'Deprecated: see subnetIDs.' })),
    subnetIDs: Type.Optional(Type.Array(name('Id of a subnet that the server gets an address in.'), { maxItems: 20 })),
    podNetworkCidr: optional('Deprecated: see podNetworkCIDRs.'),
    podNetworkCIDRs: Type.Optional(
      Type.Array(name('Range that pods on the server have addresses in.'), { maxItems: 10 }),
    ),
    rootDiskSize: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 65536, description: 'In GiB; 0: the flavor decides.' }),
    ),
    rootDiskType: optional('Volume type of the root disk.'),
    useConfigDrive: Type.Optional(Type.Boolean({ description: 'Whether user-data is also given on a disk.' })),
    serverGroupID: optional('Server group, for its affinity.'),
  },
  closed,
)

/** Schema of what a machine class of provider `OpenStack` says about its servers. */
export const providerSpecSchema = Type.Object(
  {
    apiVersion: Type.Optional(Type.Literal('openstack.machine.gardener.cloud/v1alpha1')),
    kind: Type.Optional(Type.Literal('MachineProviderConfig')),
    spec: serverSchema,
  },
  closed,
)

/** A network of a server. Exactly one of `id` and `name` is there. */
export interface ServerNetwork {
  readonly id?: string
  readonly name?: string
  /** Path in the class, for complaints. */
  readonly field: string
  /** Whether pods talk over it. */
  readonly pods: boolean
  /** Subnets to take addresses in; none: the cloud chooses. */
  readonly subnets: readonly string[]
}

/** What a machine class says about its servers, with deprecated fields folded into those that replaced them. */
export interface OpenStackProviderSpec {
  readonly region: string
  readonly availabilityZone: string
  readonly flavorName: string
  readonly image: { readonly id: string } | { readonly name: string }
  readonly keyName: string
  readonly securityGroups: readonly string[]
  readonly tags: Readonly<Record<string, string>>
  /** Those of `tags` that mark what is ours. */
  readonly owned: Readonly<Record<string, string>>
  readonly networks: readonly ServerNetwork[]
  readonly podNetworks: readonly string[]
  readonly rootDiskSize: number
  readonly rootDiskType?: string
  readonly useConfigDrive?: boolean
  readonly serverGroupId?: string
}

/** How ownership is written at OpenStack. */
export const tagSyntax: TagSyntax = {
  clusterPrefix: 'kubernetes.io-cluster-',
  rolePrefix: 'kubernetes.io-role-',
  field: 'providerSpec.spec.tags',
}

const parser = createParser(providerSpecSchema, 'machine class of provider OpenStack')

/** The checked spec; throws `Invalid` with the field, as in `providerSpec.spec.networks[0].id`. */
export function parseProviderSpec(input: unknown): OpenStackProviderSpec {
  const { spec } = parseUnder('providerSpec', parser, input)
  const { region, availabilityZone, flavorName, keyName, tags, rootDiskSize = 0, useConfigDrive } = spec
  return {
    region,
    availabilityZone,
    flavorName,
    keyName,
    tags,
    image: imageOf(spec),
    securityGroups: [...new Set(spec.securityGroups ?? [])],
    owned: ownershipTags(tags, tagSyntax),
    networks: networksOf(spec),
    podNetworks: podNetworksOf(spec),
    rootDiskSize,
    ...(useConfigDrive === undefined ? {} : { useConfigDrive }),
    ...(filled(spec.rootDiskType) ? { rootDiskType: spec.rootDiskType } : {}),
    ...(filled(spec.serverGroupID) ? { serverGroupId: spec.serverGroupID } : {}),
  }
}

type ServerSpec = Static<typeof serverSchema>

function filled(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== ''
}

function invalid(field: string, message: string, remedy: string): Failure {
  return new Failure('Invalid', `machine class of provider OpenStack: ${message}`, {
    field: `providerSpec.spec.${field}`,
    remedy,
  })
}

function imageOf(spec: ServerSpec): OpenStackProviderSpec['image'] {
  if (filled(spec.imageID)) return { id: spec.imageID }
  if (filled(spec.imageName)) return { name: spec.imageName }
  throw invalid('imageName', 'no image is named', 'give imageID or imageName')
}

function networksOf(spec: ServerSpec): readonly ServerNetwork[] {
  const listed = spec.networks ?? []
  const remedy = 'give either networkID or networks'
  if (filled(spec.networkID)) {
    if (listed.length > 0) throw invalid('networks', 'there are both networkID and networks', remedy)
    const subnets = [spec.subnetID, ...(spec.subnetIDs ?? [])].filter(filled)
    return [{ id: spec.networkID, field: 'providerSpec.spec.networkID', pods: true, subnets: [...new Set(subnets)] }]
  }
  if (listed.length === 0) throw invalid('networkID', 'no network is given', remedy)
  return listed.map((one, index) => networkOf(one, index))
}

function networkOf({ id, name, podNetwork }: Static<typeof network>, index: number): ServerNetwork {
  const field = `networks[${index}]`
  const remedy = 'give either its id or its name'
  if (filled(id) && filled(name)) throw invalid(field, 'a network has both id and name', remedy)
  if (!filled(id) && !filled(name)) throw invalid(field, 'a network has neither id nor name', remedy)
  const identity = filled(id) ? { id } : { name: name as string }
  return { ...identity, field: `providerSpec.spec.${field}`, pods: podNetwork ?? false, subnets: [] }
}

function podNetworksOf(spec: ServerSpec): readonly string[] {
  const ranges = [...(spec.podNetworkCIDRs ?? [])]
  if (filled(spec.podNetworkCidr) && !ranges.includes(spec.podNetworkCidr)) ranges.push(spec.podNetworkCidr)
  if (ranges.length === 0) throw invalid('podNetworkCIDRs', 'no range of pods is given', 'give at least one')
  for (const [index, range] of ranges.entries()) {
    if (isRange(range)) continue
    const field = spec.podNetworkCIDRs?.[index] === range ? `podNetworkCIDRs[${index}]` : 'podNetworkCidr'
    throw invalid(field, 'a range of pods is none', 'write it as in 100.96.0.0/16')
  }
  return ranges
}

function isRange(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/')
  const longest = { 4: 32, 6: 128 }[isIP(address)]
  return longest !== undefined && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= longest
}
