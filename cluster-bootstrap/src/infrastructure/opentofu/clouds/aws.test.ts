import { describe, expect, it } from 'vitest'
import { infrastructureRequest } from '../../../../testing/infrastructure-request.ts'
import { awsModule } from './aws.ts'

const cloud = awsModule()
const zone = { name: 'zone-a', workers: '10.250.0.0/19', internal: '10.250.112.0/22', public: '10.250.96.0/22' }
const configuration = { networks: { vpc: { cidr: '10.250.0.0/16' }, zones: [zone] } }

describe('the module for AWS', () => {
  it('gets its variables of the Shoot', () => {
    expect(cloud.variables(infrastructureRequest({ configuration }))).toEqual({
      name: 'shoot--local--first',
      region: 'region',
      vpc_id: null,
      vpc_cidr: '10.250.0.0/16',
      zones: {
        'zone-a': {
          workers: '10.250.0.0/19',
          internal: '10.250.112.0/22',
          public: '10.250.96.0/22',
          elastic_ip_allocation_id: null,
        },
      },
      ssh_public_key: null,
    })
  })

  it.each([
    ['nothing', undefined, 'networks'],
    ['no zone', { networks: { vpc: { id: 'v' }, zones: [] } }, 'networks.zones'],
    ['a VPC twice', { networks: { vpc: { id: 'v', cidr: '10.0.0.0/8' }, zones: [zone] } }, 'networks.vpc'],
    ['no VPC', { networks: { vpc: {}, zones: [zone] } }, 'networks.vpc'],
    ['a zone twice', { networks: { vpc: { id: 'v' }, zones: [zone, zone] } }, 'networks.zones[1].name'],
    ['another zone', { networks: { vpc: { id: 'v' }, zones: [{ ...zone, name: 'z' }] } }, 'networks.zones'],
    ['half a zone', { networks: { vpc: { id: 'v' }, zones: [{ name: 'zone-a' }] } }, 'networks.zones[0].workers'],
    ['a field too many', { ...configuration, dualStack: { enabled: true } }, 'dualStack'],
  ])('refuses a configuration with %s', (_what, given, field) => {
    expect(() => cloud.variables(infrastructureRequest({ configuration: given }))).toThrowError(
      expect.objectContaining({ kind: 'Invalid', field: `spec.provider.infrastructureConfig.${field}` }),
    )
  })

  it.each<Readonly<Record<string, string>>>([
    { accessKeyID: 'k', secretAccessKey: 's' },
    { providerAccessKeyId: 'k', providerSecretAccessKey: 's' },
  ])('reaches the cloud with the keys of the secret and nothing else: %j', (secret) => {
    expect(cloud.environment(infrastructureRequest({ secret }))).toEqual({
      AWS_ACCESS_KEY_ID: 'k',
      AWS_SECRET_ACCESS_KEY: 's',
      AWS_REGION: 'region',
      AWS_EC2_METADATA_DISABLED: 'true',
    })
    expect(cloud.secretEnvironment).toContain('AWS_SECRET_ACCESS_KEY')
  })

  it.each([
    ['aws_vpc.nodes[0]', 'vpc-1'],
    ['aws_vpc_dhcp_options_association.nodes[0]', 'vpc-1'],
    ['aws_route.public', 'rtb-1_0.0.0.0/0'],
    ['aws_route.nat["zone-a"]', 'rtb-2_0.0.0.0/0'],
    ['aws_route_table_association.nodes["zone-a"]', 'subnet-1/rtb-2'],
    ['aws_route_table_association.public["zone-a"]', 'subnet-2/rtb-1'],
    ['aws_route_table_association.internal["zone-a"]', undefined],
    ['aws_eip.nat["zone-a"]', undefined],
  ])('imports %s by %s', (address, id) => {
    const identifiers = {
      'aws_vpc.nodes[0]': 'vpc-1',
      'aws_route_table.public': 'rtb-1',
      'aws_route_table.nodes["zone-a"]': 'rtb-2',
      'aws_subnet.nodes["zone-a"]': 'subnet-1',
      'aws_subnet.public["zone-a"]': 'subnet-2',
      'aws_route.public': 'r-1',
      'aws_route.nat["zone-a"]': 'r-2',
    }
    expect(cloud.importId(address, identifiers)).toBe(id)
  })

  it('hands out what machines need, by zone', () => {
    const values = {
      vpc: 'v',
      subnet: { 'zone-a': 's', 'zone-a/internal': 'i', 'zone-a/public': 'p' },
      securityGroup: 'g',
      keyName: null,
      instanceProfile: 'n',
      nodesRole: 'r',
    }
    expect(cloud.outputs(values)).toEqual({
      vpc: 'v',
      'subnet/zone-a': 's',
      'subnet/zone-a/internal': 'i',
      'subnet/zone-a/public': 'p',
      securityGroup: 'g',
      instanceProfile: 'n',
      nodesRole: 'r',
    })
  })
})
