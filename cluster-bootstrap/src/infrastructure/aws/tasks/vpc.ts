import { Failure } from '@trellis/foundation/failure'
import { keys } from '../names.ts'
import { passOverAbsent, type World } from '../world.ts'
import type { InfrastructureTask } from './task.ts'

const field = 'spec.provider.infrastructureConfig.networks.vpc'

/** The VPC with its names and its way to the internet: made, or the user's, who keeps it. */
export const vpc: InfrastructureTask = {
  id: 'vpc',
  dependsOn: [],
  apply: async (world, { networks: { vpc: wanted } }) => {
    if (wanted.id !== undefined) return useVpc(world, wanted.id)
    await makeVpc(world, wanted.cidr ?? '')
  },
  destroy: async (world) => {
    const { network } = world.clients
    await world.remove('internet-gateway', keys.gateway, async ({ id }) => {
      const vpcIds = world.survey.find('internet-gateway', keys.gateway)?.vpcIds ?? []
      for (const vpcId of vpcIds) await network.detachGateway(id, vpcId).catch(passOverAbsent)
    })
    await world.remove('vpc', keys.vpc)
    await world.remove('dhcp-options', keys.dhcpOptions)
  },
}

/** Ids of a user's VPC and its gateway stay out of the state: what is in it is ours to remove. */
async function useVpc(world: World, id: string): Promise<void> {
  const { network } = world.clients
  const [present] = await network.find('vpc', [{ Name: 'vpc-id', Values: [id] }])
  if (present === undefined) {
    throw new Failure('Invalid', `there is no VPC ${id} in the region`, { field: `${field}.id` })
  }
  const [gateway] = await network.find('internet-gateway', [{ Name: 'attachment.vpc-id', Values: [id] }])
  if (gateway === undefined) {
    throw new Failure('Invalid', `the VPC ${id} has no internet gateway`, {
      field: `${field}.id`,
      remedy: 'attach one',
    })
  }
  world.use(keys.vpc, id)
  world.use(keys.gateway, gateway.id)
}

async function makeVpc(world: World, cidr: string): Promise<void> {
  const { network } = world.clients
  const { region } = world.request
  const domain = region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`
  const dhcpOptionsId = await world.ensure(keys.dhcpOptions, { sort: 'dhcp-options', domain })
  const vpcId = await world.ensure(keys.vpc, { sort: 'vpc', cidr })
  const found = world.found('vpc', keys.vpc)
  if (found !== undefined && found.cidr !== cidr) {
    const failure = new Failure('Invalid', `the VPC ${found.id} has the range ${found.cidr}, which cannot change`, {
      field: `${field}.cidr`,
    })
    world.refuse({ action: 'replace', what: keys.vpc, field: 'cidr' }, failure)
  }
  if (found?.dhcpOptionsId !== dhcpOptionsId) {
    const change = { action: 'update', what: keys.vpc, field: 'dhcpOptions' } as const
    await world.change(change, () => network.associateDhcpOptions(dhcpOptionsId, vpcId))
  }
  if (found === undefined || !(await network.hasDnsHostnames(vpcId))) {
    const change = { action: 'update', what: keys.vpc, field: 'enableDnsHostnames' } as const
    await world.change(change, () => network.enableDnsHostnames(vpcId))
  }
  const gatewayId = await world.ensure(keys.gateway, { sort: 'internet-gateway' })
  if (!(world.found('internet-gateway', keys.gateway)?.vpcIds ?? []).includes(vpcId)) {
    const change = { action: 'update', what: keys.gateway, field: 'vpc' } as const
    await world.change(change, () => network.attachGateway(gatewayId, vpcId))
  }
}
