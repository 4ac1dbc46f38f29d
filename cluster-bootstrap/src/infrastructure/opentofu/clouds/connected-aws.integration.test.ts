import { content, type Moto, motoRegion as region, startMoto } from '@trellis/cloudprovider/aws/testing/moto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAwsInfrastructure } from '../../../../testing/aws-harness.ts'
import { infrastructureRequest } from '../../../../testing/infrastructure-request.ts'
import { connectedAws } from './connected-aws.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

const at = `["${region}a"]`

// The other engine gives things the names and tags that the module gives them.
describe('looking for what exists at AWS', () => {
  it('finds all that the module makes, by what the other engine made', async () => {
    await using harness = await openAwsInfrastructure(moto)
    const cloud = connectedAws(harness.ports)
    const request = infrastructureRequest(harness.request('one'))
    const find = async () => (await cloud.findExisting?.(request, cloud.variables(request))) ?? {}
    expect(await find()).toEqual({})
    const outputs = await harness.engine().engine.apply(request)
    const found = await find()
    const state = request.saved()
    const [table, own] = [state['route-table'], state[`zone/${region}a/route-table`]]
    const subnet = (use: string) => state[`zone/${region}a/subnet-${use}`]
    const name = request.technicalId
    const rules = [`["${region}a/internal/tcp"]`, `["${region}a/internal/udp"]`, `["${region}a/public/tcp"]`]
    expect(found).toEqual({
      'aws_vpc_dhcp_options.nodes[0]': state['dhcp-options'],
      'aws_vpc.nodes[0]': state.vpc,
      'aws_vpc_dhcp_options_association.nodes[0]': state.vpc,
      'aws_internet_gateway.nodes[0]': state['internet-gateway'],
      'aws_route_table.public': table,
      'aws_route.public': `${table}_0.0.0.0/0`,
      [`aws_subnet.nodes${at}`]: subnet('workers'),
      [`aws_subnet.internal${at}`]: subnet('internal'),
      [`aws_subnet.public${at}`]: subnet('public'),
      [`aws_route_table_association.nodes${at}`]: `${subnet('workers')}/${own}`,
      [`aws_route_table_association.internal${at}`]: `${subnet('internal')}/${own}`,
      [`aws_route_table_association.public${at}`]: `${subnet('public')}/${table}`,
      [`aws_eip.nat${at}`]: state[`zone/${region}a/elastic-ip`],
      [`aws_nat_gateway.nodes${at}`]: state[`zone/${region}a/nat-gateway`],
      [`aws_route_table.nodes${at}`]: own,
      [`aws_route.nat${at}`]: `${own}_0.0.0.0/0`,
      'aws_security_group.nodes': outputs.securityGroup,
      'aws_vpc_security_group_ingress_rule.self': expect.stringMatching(/^sgr-/),
      'aws_vpc_security_group_egress_rule.nodes': expect.stringMatching(/^sgr-/),
      ...Object.fromEntries(
        [...rules, `["${region}a/public/udp"]`].map((key) => [
          `aws_vpc_security_group_ingress_rule.node_ports${key}`,
          expect.stringMatching(/^sgr-/),
        ]),
      ),
      'aws_iam_role.nodes': `${name}-nodes`,
      'aws_iam_role_policy.nodes': `${name}-nodes:${name}-nodes`,
      'aws_iam_instance_profile.nodes': `${name}-nodes`,
    })
    const ruleIds = Object.values(found).filter((id) => id.startsWith('sgr-'))
    expect(new Set(ruleIds).size).toBe(6)
  })

  it('takes over neither what the user brings nor a role without the cluster’s tag', async () => {
    await using harness = await openAwsInfrastructure(moto)
    const cloud = connectedAws(harness.ports)
    const request = infrastructureRequest(harness.request('one'))
    const role = { RoleName: `${request.technicalId}-nodes`, AssumeRolePolicyDocument: '{"Statement":[]}' }
    await moto.ask('iam', 'CreateRole', role)
    const vpcId = content(await moto.ask('ec2', 'CreateVpc', { CidrBlock: '10.250.0.0/16' }), 'vpcId')
    const tags = { 'Tag.1.Key': `kubernetes.io/cluster/${request.technicalId}`, 'Tag.1.Value': '1' }
    const named = { 'Tag.2.Key': 'Name', 'Tag.2.Value': `${request.technicalId}/vpc` }
    await moto.ask('ec2', 'CreateTags', { 'ResourceId.1': vpcId, ...tags, ...named })
    const variables = cloud.variables(request)
    expect(await cloud.findExisting?.(request, { ...variables, vpc_id: vpcId })).toEqual({})
    expect(await cloud.findExisting?.(request, variables)).toEqual({ 'aws_vpc.nodes[0]': vpcId })
  })
})

describe('what a cluster left at AWS', () => {
  it('goes, and neither its infrastructure nor what is of another cluster does', async () => {
    await using harness = await openAwsInfrastructure(moto)
    const { engine } = harness.engine()
    for (const cluster of ['one', 'two']) await engine.apply(infrastructureRequest(harness.request(cluster)))
    const own = await harness.remains('one')
    for (const cluster of ['one', 'two']) await harness.leaveBehind?.(cluster)
    const others = await harness.remains('two')
    expect((await harness.remains('one')).length).toBeGreaterThan(own.length)
    const cloud = connectedAws(harness.ports)
    const request = infrastructureRequest(harness.request('one'))
    await cloud.removeLeftovers?.(request, cloud.variables(request))
    expect(await harness.remains('one')).toEqual(own)
    expect(await harness.remains('two')).toEqual(others)
    await cloud.removeLeftovers?.(request, cloud.variables(request))
    expect(request.saves).toEqual([])
  })
})
