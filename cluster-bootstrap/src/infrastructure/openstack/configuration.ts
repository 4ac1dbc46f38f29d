import { parseCidr } from '@trellis/api/cidr'
import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'

const name = (description: string) => Type.String({ minLength: 1, maxLength: 255, description })
const closed = { additionalProperties: false }

/** Schema of a Shoot's `infrastructureConfig` at OpenStack; its fields are those of Gardener's extension. */
export const configurationSchema = Type.Object(
  {
    apiVersion: Type.Optional(Type.Literal('openstack.provider.extensions.gardener.cloud/v1alpha1')),
    kind: Type.Optional(Type.Literal('InfrastructureConfig')),
    floatingPoolName: name('Name of the network to the outside.'),
    floatingPoolSubnetName: Type.Optional(name('Name of its subnet that the router takes an address in.')),
    networks: Type.Optional(
      Type.Object(
        {
          id: Type.Optional(name('Id of a network of the user; none: one is made.')),
          subnetId: Type.Optional(name('Id of a subnet of the user in that network; none: one is made.')),
          router: Type.Optional(Type.Object({ id: name('Id of a router of the user; none: one is made.') }, closed)),
          worker: Type.Optional(Type.String({ description: 'Deprecated: see workers.' })),
          workers: Type.Optional(Type.String({ description: 'Range of the nodes; that of the Shoot unless given.' })),
          dnsServers: Type.Optional(Type.Array(name('Address of a name server.'), { maxItems: 10 })),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** What a Shoot wants of its infrastructure at OpenStack, with deprecated fields folded in. */
export interface OpenStackInfrastructureConfiguration {
  readonly floatingPoolName: string
  readonly floatingPoolSubnetName?: string
  readonly networkId?: string
  readonly subnetId?: string
  readonly routerId?: string
  /** Range of the nodes. */
  readonly workers: string
  /** None: those of the cloud. */
  readonly dnsServers: readonly string[]
}

/** Path of the configuration in a Shoot. */
export const root = 'spec.provider.infrastructureConfig'

const parser = createParser(configurationSchema, 'infrastructureConfig of OpenStack')

/** The checked configuration; `nodes` is the Shoot's range of nodes. Throws `Invalid` with the field, as in `spec.provider.infrastructureConfig.floatingPoolName`. */
export function parseConfiguration(input: unknown, nodes: string): OpenStackInfrastructureConfiguration {
  const { floatingPoolName, floatingPoolSubnetName, networks = {} } = parse(input)
  const { id, subnetId, router, dnsServers = [] } = networks
  const written = filled(networks.workers) ?? filled(networks.worker)
  const workers = parseCidr(written ?? nodes)
  if (workers === undefined) throw invalid('networks.workers', 'is no range', 'write it as in 10.250.0.0/16')
  const whole = parseCidr(nodes)
  if (whole !== undefined && (workers.first < whole.first || workers.last > whole.last)) {
    throw invalid('networks.workers', `lies outside ${nodes}`, "choose a part of the Shoot's spec.networking.nodes")
  }
  if (subnetId !== undefined && id === undefined) {
    throw invalid('networks.id', 'is missing', 'give the network that networks.subnetId is in')
  }
  return {
    floatingPoolName,
    ...(floatingPoolSubnetName === undefined ? {} : { floatingPoolSubnetName }),
    ...(id === undefined ? {} : { networkId: id }),
    ...(subnetId === undefined ? {} : { subnetId }),
    ...(router === undefined ? {} : { routerId: router.id }),
    workers: workers.text,
    dnsServers,
  }
}

function parse(input: unknown) {
  try {
    return parser.parse(input)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const { field = '(root)' } = error
    throw new Failure('Invalid', error.message, { field: field === '(root)' ? root : `${root}.${field}` })
  }
}

function filled(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text
}

function invalid(field: string, message: string, remedy: string): Failure {
  return new Failure('Invalid', `infrastructureConfig of OpenStack: ${field} ${message}`, {
    field: `${root}.${field}`,
    remedy,
  })
}
