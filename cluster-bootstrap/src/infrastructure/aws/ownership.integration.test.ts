import { content, contents, type Moto, startMoto } from '@trellis/cloudprovider/aws/testing/moto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { oneZone, openAwsInfrastructure, wishFor } from '../../../testing/aws-harness.ts'
import type { InfrastructureRequest, InfrastructureState } from '../engine.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

/** A request for cluster `one`, with a memory for its state. */
function requestFor(configuration: unknown, state: InfrastructureState = {}) {
  const memory = { state }
  const request = (): InfrastructureRequest => ({
    ...wishFor('one', configuration),
    state: memory.state,
    save: async (next) => {
      memory.state = next
    },
    signal: new AbortController().signal,
    note: () => {},
  })
  return { request, memory }
}

type Zone = Record<string, unknown>

function configurationOf(vpc: object, change: Zone = {}): unknown {
  const { networks } = oneZone() as { networks: { zones: readonly Zone[] } }
  return { networks: { vpc, zones: networks.zones.map((zone) => ({ ...zone, ...change })) } }
}

describe("a user's own", () => {
  it('VPC and address are used, neither changed nor taken down', async () => {
    await using harness = await openAwsInfrastructure(moto)
    const vpcId = content(await moto.ask('ec2', 'CreateVpc', { CidrBlock: '10.250.0.0/16' }), 'vpcId')
    const gatewayId = content(await moto.ask('ec2', 'CreateInternetGateway'), 'internetGatewayId')
    await moto.ask('ec2', 'AttachInternetGateway', { InternetGatewayId: gatewayId, VpcId: vpcId })
    const allocationId = content(await moto.ask('ec2', 'AllocateAddress', { Domain: 'vpc' }), 'allocationId')
    const configuration = configurationOf({ id: vpcId }, { elasticIPAllocationID: allocationId })
    const { request, memory } = requestFor(configuration)
    expect((await harness.engine().engine.apply(request())).vpc).toBe(vpcId)
    expect(Object.values(memory.state)).not.toEqual(expect.arrayContaining([vpcId]))
    expect(await harness.engine().engine.plan(request())).toEqual([])
    await harness.engine().engine.destroy(request())
    expect(await harness.remains('one')).toEqual([])
    const ofVpc = { 'Filter.1.Name': 'vpc-id', 'Filter.1.Value.1': vpcId }
    expect(contents(await moto.ask('ec2', 'DescribeVpcs', ofVpc), 'vpcId')).toContain(vpcId)
    expect(contents(await moto.ask('ec2', 'DescribeInternetGateways'), 'internetGatewayId')).toContain(gatewayId)
    expect(contents(await moto.ask('ec2', 'DescribeAddresses'), 'allocationId')).toContain(allocationId)
  })

  it('VPC without a way to the internet is refused', async () => {
    await using harness = await openAwsInfrastructure(moto)
    const vpcId = content(await moto.ask('ec2', 'CreateVpc', { CidrBlock: '10.250.0.0/16' }), 'vpcId')
    const { request } = requestFor(configurationOf({ id: vpcId }))
    const { engine, writes } = harness.engine()
    await expect(engine.apply(request())).rejects.toMatchObject({
      kind: 'Invalid',
      field: 'spec.provider.infrastructureConfig.networks.vpc.id',
    })
    expect(writes()).toBe(0)
  })

  it('role of the same name is neither used nor deleted', async () => {
    await using harness = await openAwsInfrastructure(moto)
    const role = {
      RoleName: 'shoot--aws--one-nodes',
      AssumeRolePolicyDocument: '{"Version":"2012-10-17","Statement":[]}',
    }
    await moto.ask('iam', 'CreateRole', role)
    const { request } = requestFor(oneZone())
    await harness.engine().engine.destroy(request())
    expect(contents(await moto.ask('iam', 'ListRoles'), 'RoleName')).toEqual(['shoot--aws--one-nodes'])
  })

  it("rules that the cluster's controllers added stay, and ours come back", async () => {
    await using harness = await openAwsInfrastructure(moto)
    const { request } = requestFor(oneZone())
    const { securityGroup: GroupId = '' } = await harness.engine().engine.apply(request())
    const theirs = {
      'IpPermissions.1.IpProtocol': 'tcp',
      'IpPermissions.1.FromPort': '443',
      'IpPermissions.1.ToPort': '443',
    }
    const peer = { 'IpPermissions.1.IpRanges.1.CidrIp': '198.51.100.0/24' }
    await moto.ask('ec2', 'AuthorizeSecurityGroupIngress', { GroupId, ...theirs, ...peer })
    expect(await harness.engine().engine.plan(request())).toEqual([])
    const ours = {
      'IpPermissions.1.IpProtocol': '-1',
      'IpPermissions.1.Groups.1.GroupId': GroupId,
      'IpPermissions.1.Groups.1.Description': 'trellis: machines among themselves',
    }
    await moto.ask('ec2', 'RevokeSecurityGroupIngress', { GroupId, ...ours })
    expect(await harness.engine().engine.plan(request())).toEqual([
      { action: 'update', what: 'security-group', field: 'rules' },
    ])
    await harness.engine().engine.apply(request())
    const ofGroup = { 'GroupId.1': GroupId }
    expect(await moto.ask('ec2', 'DescribeSecurityGroups', ofGroup)).toContain('198.51.100.0/24')
    expect(await harness.engine().engine.plan(request())).toEqual([])
  })
})

describe('what cannot change', () => {
  it('is planned as a replacement, and refused by its field', async () => {
    await using harness = await openAwsInfrastructure(moto)
    const { request, memory } = requestFor(oneZone())
    await harness.engine().engine.apply(request())
    const before = await harness.remains('one')
    const moved = requestFor(configurationOf({ cidr: '10.250.0.0/16' }, { public: '10.250.104.0/22' }), memory.state)
    expect(await harness.engine().engine.plan(moved.request())).toContainEqual({
      action: 'replace',
      what: 'zone/eu-west-1a/subnet-public',
      field: 'cidr',
    })
    const applying = harness.engine().engine.apply({ ...moved.request(), signal: AbortSignal.timeout(20_000) })
    await expect(applying).rejects.toMatchObject({
      kind: 'Invalid',
      field: 'spec.provider.infrastructureConfig.networks.zones[0].public',
    })
    expect(await harness.remains('one')).toEqual(before)
  })
})

it('looking after infrastructure that is well costs few questions', async () => {
  await using harness = await openAwsInfrastructure(moto)
  const { request } = requestFor(oneZone())
  await harness.engine().engine.apply(request())
  const before = harness.calls.length
  await harness.engine().engine.apply(request())
  const made = harness.calls.slice(before)
  process.stdout.write(`${made.length} questions to AWS: ${made.join(', ')}\n`)
  expect(made.length).toBeLessThanOrEqual(13)
})
