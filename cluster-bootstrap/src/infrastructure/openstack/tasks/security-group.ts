import type { SecurityGroup, SecurityGroupRule } from '@trellis/cloudprovider/openstack/resources'
import { isFailure } from '@trellis/foundation/failure'
import type { PlannedChange } from '../../engine.ts'
import type { InfrastructureContext } from '../context.ts'
import { ensureOwn, findOwn, removeOwn, type Sort } from '../named.ts'
import type { InfrastructureTask } from '../task.ts'

/** What nodes let in: each other, pods, and what comes to the ports of services. What goes out Neutron lets through by itself. */
export const securityGroup: InfrastructureTask = {
  what: 'security-group',
  dependsOn: ['external-network'],
  apply: async (context) => {
    const { client, call } = context
    const group = await ensureOwn(context, sortOf(context), {})
    const { missing, surplus } = await compare(context, group)
    for (const rule of missing) {
      await client.securityGroupRules
        .create({ ...rule, security_group_id: group.id, description: context.mark }, call)
        .catch((error: unknown) => {
          // It is there after all: another run was quicker.
          if (!isFailure(error, 'Conflict')) throw error
        })
    }
    for (const { id } of surplus) await client.securityGroupRules.remove(id, call)
  },
  plan: async (context): Promise<readonly PlannedChange[]> => {
    const group = await findOwn(context, sortOf(context))
    if (group === undefined) return [{ action: 'create', what: 'security-group' }]
    const { missing, surplus } = await compare(context, group)
    if (missing.length === 0 && surplus.length === 0) return []
    return [{ action: 'update', what: 'security-group', field: 'rules' }]
  },
  destroy: (context) => removeOwn(context, sortOf(context)),
}

type Rule = Pick<SecurityGroupRule, 'direction' | 'ethertype'> &
  Partial<
    Pick<SecurityGroupRule, 'protocol' | 'port_range_min' | 'port_range_max' | 'remote_ip_prefix' | 'remote_group_id'>
  >

/** The rules of a group. Pods bear addresses of their own on the nodes' network, so the group alone does not let them in. */
export function rulesOf(group: string, pods: string): readonly Rule[] {
  const ports = { direction: 'ingress', ethertype: 'IPv4', port_range_min: 30_000, port_range_max: 32_767 } as const
  return [
    { direction: 'egress', ethertype: 'IPv4' },
    { direction: 'egress', ethertype: 'IPv6' },
    { direction: 'ingress', ethertype: 'IPv4', remote_group_id: group },
    { direction: 'ingress', ethertype: 'IPv6', remote_group_id: group },
    { direction: 'ingress', ethertype: 'IPv4', remote_ip_prefix: pods },
    { ...ports, protocol: 'tcp', remote_ip_prefix: '0.0.0.0/0' },
    { ...ports, protocol: 'udp', remote_ip_prefix: '0.0.0.0/0' },
  ]
}

/** Rules that are not there, and those of ours that are not wanted any more. Rules that others added stay. */
async function compare(
  { client, mark, pods, call }: InfrastructureContext,
  { id }: SecurityGroup,
): Promise<{ readonly missing: readonly Rule[]; readonly surplus: readonly SecurityGroupRule[] }> {
  const wanted = rulesOf(id, pods)
  const present = await client.securityGroupRules.list({ security_group_id: id }, call)
  return {
    missing: wanted.filter((rule) => !present.some((one) => sameRule(one, rule))),
    surplus: present.filter((one) => one.description === mark && !wanted.some((rule) => sameRule(one, rule))),
  }
}

function sameRule(left: Rule, right: Rule): boolean {
  // Neutron tells "from everywhere" in two ways.
  const prefix = ({ remote_ip_prefix: range }: Rule) => (range === '0.0.0.0/0' ? null : (range ?? null))
  const fields = ['protocol', 'port_range_min', 'port_range_max', 'remote_group_id'] as const
  return (
    left.direction === right.direction &&
    left.ethertype === right.ethertype &&
    prefix(left) === prefix(right) &&
    fields.every((field) => (left[field] ?? null) === (right[field] ?? null))
  )
}

function sortOf({ client }: InfrastructureContext): Sort<SecurityGroup> {
  return { what: 'security-group', collection: client.securityGroups }
}
