import { type Cidr, overlaps, parseCidr } from '@trellis/api/cidr'
import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import type { InfrastructureRequest } from '../engine.ts'

/** Path of the configuration in a Shoot. */
const root = 'spec.provider.infrastructureConfig'

const strict = { additionalProperties: false }
const range = (description: string) => Type.String({ minLength: 1, description })

const zoneSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, description: 'Zone, as in eu-west-1a.' }),
    workers: range('Range of the machines.'),
    public: range('Range of public load balancers and of the way out.'),
    internal: range('Range of internal load balancers.'),
    elasticIPAllocationID: Type.Optional(
      Type.String({ pattern: '^eipalloc-[0-9a-z]+$', description: 'Address of the way out; one is made unless told.' }),
    ),
  },
  strict,
)

/** Schema of `infrastructureConfig` of Shoots at AWS; fields are those of `aws.provider.extensions.gardener.cloud/v1alpha1`. */
export const infrastructureConfigSchema = Type.Object(
  {
    apiVersion: Type.Optional(Type.Literal('aws.provider.extensions.gardener.cloud/v1alpha1')),
    kind: Type.Optional(Type.Literal('InfrastructureConfig')),
    enableECRAccess: Type.Optional(
      Type.Boolean({ description: 'Whether machines may pull from ECR; they may unless told.' }),
    ),
    networks: Type.Object(
      {
        vpc: Type.Object(
          {
            id: Type.Optional(
              Type.String({
                pattern: '^vpc-[0-9a-z]+$',
                description: 'VPC of the user; it needs an internet gateway.',
              }),
            ),
            cidr: Type.Optional(range('Range of a VPC that is made.')),
          },
          strict,
        ),
        zones: Type.Array(zoneSchema, { minItems: 1, description: 'Subnets by zone.' }),
      },
      strict,
    ),
  },
  strict,
)

/** What a Shoot says about its networks at AWS. */
export type InfrastructureConfig = Static<typeof infrastructureConfigSchema>

/** Subnets of one zone. */
export type ZoneConfig = Static<typeof zoneSchema>

/** Uses of subnets, each of which every zone has once. */
export const subnetUses = ['workers', 'public', 'internal'] as const

/** What a subnet is for. */
export type SubnetUse = (typeof subnetUses)[number]

const parser = createParser(infrastructureConfigSchema, 'infrastructureConfig of a Shoot at AWS')

/** What the configuration is compared with, and itself. */
export type ConfigurationRequest = Pick<InfrastructureRequest, 'configuration' | 'region' | 'zones' | 'networks'>

/** The checked configuration of a request. Throws `Invalid` that names the field. */
export function parseConfiguration(request: ConfigurationRequest): InfrastructureConfig {
  if (request.configuration === undefined) {
    throw new Failure('Invalid', 'a Shoot at AWS must say which networks it wants', {
      field: root,
      remedy: 'give networks.vpc.cidr, and workers, public and internal ranges for each zone in networks.zones',
    })
  }
  const config = parse(request.configuration)
  const { id, cidr } = config.networks.vpc
  if ((id === undefined) === (cidr === undefined)) {
    throw refuse(
      'networks.vpc',
      'a VPC is either used, by its id, or made, with a cidr',
      'give exactly one of id and cidr',
    )
  }
  checkZones(config, request)
  checkRanges(config, request)
  return config
}

function parse(input: unknown): InfrastructureConfig {
  try {
    return parser.parse(input)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const field = error.field === undefined || error.field === '(root)' ? root : `${root}.${error.field}`
    throw new Failure('Invalid', error.message, { field })
  }
}

function checkZones({ networks: { zones } }: InfrastructureConfig, { region, zones: wanted }: ConfigurationRequest) {
  const names = zones.map(({ name }) => name)
  names.forEach((name, index) => {
    if (!new RegExp(`^${region}[a-z]$|^${region}-[a-z]+-\\d+[a-z]$`).test(name)) {
      throw refuse(`networks.zones[${index}].name`, `${name} is no zone of the region ${region}`)
    }
    if (names.indexOf(name) !== index) throw refuse(`networks.zones[${index}].name`, `${name} is there twice`)
  })
  const missing = wanted.find((zone) => !names.includes(zone))
  if (missing !== undefined) throw refuse('networks.zones', `workers are to be in ${missing}, which has no subnets`)
}

interface NamedRange {
  readonly field: string
  readonly range: Cidr
}

function checkRanges(config: InfrastructureConfig, { networks }: ConfigurationRequest): void {
  const { vpc, zones } = config.networks
  const whole = vpc.cidr === undefined ? undefined : readRange('networks.vpc.cidr', vpc.cidr)
  const subnets = zones.flatMap((zone, index) =>
    subnetUses.map((use): NamedRange => {
      const field = `networks.zones[${index}].${use}`
      return { field, range: readRange(field, zone[use]) }
    }),
  )
  const nodes = parseCidr(networks.nodes)
  for (const [index, { field, range }] of subnets.entries()) {
    if (whole !== undefined && !contains(whole, range)) throw refuse(field, `it is not within ${whole.text}`)
    if (field.endsWith('.workers') && nodes !== undefined && !contains(nodes, range)) {
      throw refuse(field, `it is not within the network of nodes, ${nodes.text}`)
    }
    const other = subnets.slice(0, index).find((one) => overlaps(one.range, range))
    if (other !== undefined) throw refuse(field, `it overlaps ${root}.${other.field}`)
    for (const name of ['pods', 'services'] as const) {
      const inner = parseCidr(networks[name])
      if (inner !== undefined && overlaps(inner, range)) throw refuse(field, `it overlaps the network of ${name}`)
    }
  }
}

function readRange(field: string, text: string): Cidr {
  const range = parseCidr(text)
  if (range === undefined || range.text !== text) {
    throw refuse(
      field,
      `"${text}" is no range of IPv4 addresses`,
      range === undefined ? undefined : `write ${range.text}`,
    )
  }
  if (range.prefixLength < 16 || range.prefixLength > 28) {
    throw refuse(field, 'AWS takes ranges between /16 and /28')
  }
  return range
}

function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}

function refuse(field: string, message: string, remedy?: string): Failure {
  return new Failure('Invalid', message, { field: `${root}.${field}`, ...(remedy === undefined ? {} : { remedy }) })
}
