import { type Static, Type } from 'typebox'
import type { InfrastructureRequest } from '../../engine.ts'
import type { OpenTofuCloud } from '../cloud.ts'
import { configurationParser, wrongField } from './configuration.ts'
import { outputsOf } from './output-values.ts'
import { environmentOf, findValue, needValue } from './secret-values.ts'
import { findPublicKey } from './ssh-key.ts'

const closed = { additionalProperties: false }
const text = Type.String({ minLength: 1 })

/** Fields of Gardener's `InfrastructureConfig` for AWS that the module has a use for. */
const configurationSchema = Type.Object(
  {
    apiVersion: Type.Optional(Type.String()),
    kind: Type.Optional(Type.String()),
    networks: Type.Object(
      {
        vpc: Type.Object({ id: Type.Optional(text), cidr: Type.Optional(text) }, closed),
        zones: Type.Array(
          Type.Object(
            {
              name: text,
              workers: text,
              internal: text,
              public: text,
              elasticIPAllocationID: Type.Optional(text),
            },
            closed,
          ),
          { minItems: 1 },
        ),
      },
      closed,
    ),
  },
  closed,
)

type Configuration = Static<typeof configurationSchema>

const parse = configurationParser(configurationSchema)

/** Values of the variables in `modules/aws`, as far as more than the module looks at them. */
export interface AwsVariables {
  readonly name: string
  /** A VPC of the user's own. */
  readonly vpc_id: string | null
  readonly zones: Readonly<
    Record<
      string,
      {
        readonly internal: string
        readonly public: string
        /** An address of the user's own. */
        readonly elastic_ip_allocation_id: string | null
      }
    >
  >
}

/** AWS, with the provider of `hashicorp/aws`. What looks at the cloud is left to the caller: without it only what was noted is taken over. */
export function awsModule(looks: Pick<OpenTofuCloud, 'findExisting' | 'removeLeftovers'> = {}): OpenTofuCloud {
  return {
    ...looks,
    module: 'aws',
    variables: variablesOf,
    environment: ({ secret, region }) =>
      environmentOf({
        AWS_ACCESS_KEY_ID: needValue(secret, 'accessKeyID', 'providerAccessKeyId'),
        AWS_SECRET_ACCESS_KEY: needValue(secret, 'secretAccessKey', 'providerSecretAccessKey'),
        AWS_SESSION_TOKEN: findValue(secret, 'sessionToken'),
        AWS_REGION: region,
        // Nothing but what the secret says: no profile, no role of the machine that this runs on.
        AWS_EC2_METADATA_DISABLED: 'true',
      }),
    secretEnvironment: ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'],
    outputs: (values) => outputsOf(values, ['vpc', 'subnet', 'securityGroup', 'instanceProfile', 'nodesRole']),
    importId,
  }
}

function variablesOf({
  technicalId,
  region,
  zones,
  configuration,
  networks: ranges,
  secret,
}: InfrastructureRequest): Readonly<Record<string, unknown>> {
  const { networks } = parse(configuration)
  checkVpc(networks.vpc)
  return {
    name: technicalId,
    region,
    vpc_id: networks.vpc.id ?? null,
    vpc_cidr: networks.vpc.cidr ?? ranges.nodes,
    zones: Object.fromEntries(zonesOf(networks.zones, zones)),
    ssh_public_key: findPublicKey(secret) ?? null,
  }
}

function checkVpc({ id, cidr }: Configuration['networks']['vpc']): void {
  if ((id === undefined) !== (cidr === undefined)) return
  throw wrongField('networks.vpc', 'needs either an id or a cidr')
}

function zonesOf(described: Configuration['networks']['zones'], wanted: readonly string[]) {
  const names = described.map((zone) => zone.name)
  const twice = names.findIndex((name, index) => names.indexOf(name) < index)
  if (twice >= 0) throw wrongField(`networks.zones[${twice}].name`, 'is there twice')
  const lacking = wanted.find((name) => !names.includes(name))
  if (lacking !== undefined) {
    throw wrongField(
      'networks.zones',
      `says nothing of zone ${lacking}`,
      'add the zone, or leave it out of the workers',
    )
  }
  return described.map(({ name, elasticIPAllocationID, ...ranges }) => [
    name,
    { ...ranges, elastic_ip_allocation_id: elasticIPAllocationID ?? null },
  ])
}

/** Two kinds are known by what they connect, not by identifiers of their own. DHCP options are associated with a VPC, which is what their association is imported by. */
function importId(address: string, identifiers: Readonly<Record<string, string>>): string | undefined {
  const [type = ''] = address.split('.')
  const join = (separator: string, ...parts: readonly (string | undefined)[]) =>
    parts.includes(undefined) ? undefined : parts.join(separator)
  const key = /\[.*\]$/.exec(address)?.[0] ?? ''
  if (type === 'aws_vpc_dhcp_options_association') return identifiers['aws_vpc.nodes[0]']
  if (type === 'aws_route') {
    const table = address === 'aws_route.public' ? 'aws_route_table.public' : `aws_route_table.nodes${key}`
    return join('_', identifiers[table], '0.0.0.0/0')
  }
  if (type === 'aws_route_table_association') {
    const place = /^\w+\.(\w+)/.exec(address)?.[1] ?? ''
    const table = place === 'public' ? 'aws_route_table.public' : `aws_route_table.nodes${key}`
    return join('/', identifiers[`aws_subnet.${place}${key}`], identifiers[table])
  }
  return identifiers[address]
}
