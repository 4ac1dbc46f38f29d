import type { IpPermission, SecurityGroup as RawGroup } from '@aws-sdk/client-ec2'
import { present, readTags } from './answers.ts'
import type { Filter } from './client-types.ts'
import { type Ec2Caller, filtersToSend } from './ec2-caller.ts'
import { tagList } from './run-request.ts'
import type { Tags } from './server-tags.ts'

/** What a group lets in. */
export interface IngressRule {
  /** `-1` stands for all, and then the port is -1. */
  readonly protocol: 'tcp' | 'udp' | '-1'
  readonly port: number
  /** A range, or the id of a group. */
  readonly peer: string
}

/** What may pass to whatever is in the group. */
export interface SecurityGroup {
  readonly id: string
  readonly name: string
  readonly vpcId: string
  readonly tags: Tags
  /** Rules of one port, or of all; others are not shown. */
  readonly rules: readonly IngressRule[]
}

/** The calls about security groups, each one request (a question: one per page). Every fault is a `Failure`. */
export interface SecurityGroupClient {
  findGroups(filters: readonly Filter[], signal?: AbortSignal): Promise<readonly SecurityGroup[]>
  createGroup(
    wish: { readonly vpcId: string; readonly name: string; readonly description: string; readonly tags: Tags },
    signal?: AbortSignal,
  ): Promise<string>
  /** `Conflict` when one of them is there already. */
  allow(groupId: string, rules: readonly IngressRule[], signal?: AbortSignal): Promise<void>
  forbid(groupId: string, rules: readonly IngressRule[], signal?: AbortSignal): Promise<void>
  /** `Conflict` while something uses it. */
  deleteGroup(groupId: string, signal?: AbortSignal): Promise<void>
}

/** Most groups that one page of an answer holds. */
const pageSize = 1000

/** Security groups through the SDK. */
export function createSecurityGroupClient(caller: Ec2Caller): SecurityGroupClient {
  return { ...createGroupCalls(caller), ...createRuleCalls(caller) }
}

function createGroupCalls({
  call,
}: Ec2Caller): Pick<SecurityGroupClient, 'findGroups' | 'createGroup' | 'deleteGroup'> {
  return {
    findGroups: async (filters, signal) => {
      const found: SecurityGroup[] = []
      let NextToken: string | undefined
      do {
        const page = { MaxResults: pageSize, Filters: filtersToSend(filters), ...(NextToken ? { NextToken } : {}) }
        const answer = await call(
          'DescribeSecurityGroups',
          'read',
          ({ client, sdk }, options) => client.send(new sdk.DescribeSecurityGroupsCommand(page), options),
          signal,
        )
        found.push(...(answer.SecurityGroups ?? []).map(readGroup))
        NextToken = answer.NextToken
      } while (NextToken !== undefined && NextToken !== '')
      return found
    },
    createGroup: async ({ vpcId, name, description, tags }, signal) => {
      const TagSpecifications = [{ ResourceType: 'security-group' as const, Tags: tagList(tags) }]
      const wish = { VpcId: vpcId, GroupName: name, Description: description, TagSpecifications }
      const { GroupId } = await call(
        'CreateSecurityGroup',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.CreateSecurityGroupCommand(wish), options),
        signal,
      )
      return present('CreateSecurityGroup', 'the id of a group', GroupId)
    },
    deleteGroup: async (GroupId, signal) => {
      await call(
        'DeleteSecurityGroup',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.DeleteSecurityGroupCommand({ GroupId }), options),
        signal,
      )
    },
  }
}

function createRuleCalls({ call }: Ec2Caller): Pick<SecurityGroupClient, 'allow' | 'forbid'> {
  return {
    allow: async (GroupId, rules, signal) => {
      const change = { GroupId, IpPermissions: rules.map(permission) }
      await call(
        'AuthorizeSecurityGroupIngress',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.AuthorizeSecurityGroupIngressCommand(change), options),
        signal,
      )
    },
    forbid: async (GroupId, rules, signal) => {
      const change = { GroupId, IpPermissions: rules.map(permission) }
      await call(
        'RevokeSecurityGroupIngress',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.RevokeSecurityGroupIngressCommand(change), options),
        signal,
      )
    },
  }
}

function permission({ protocol, port, peer }: IngressRule): IpPermission {
  const ports = protocol === '-1' ? {} : { FromPort: port, ToPort: port }
  const from = peer.startsWith('sg-') ? { UserIdGroupPairs: [{ GroupId: peer }] } : { IpRanges: [{ CidrIp: peer }] }
  return { IpProtocol: protocol, ...ports, ...from }
}

function readGroup({ GroupId, GroupName = '', VpcId = '', Tags, IpPermissions = [] }: RawGroup): SecurityGroup {
  return {
    id: present('DescribeSecurityGroups', 'the id of a group', GroupId),
    name: GroupName,
    vpcId: VpcId,
    tags: readTags(Tags),
    rules: IpPermissions.flatMap(readRules),
  }
}

function readRules({
  IpProtocol,
  FromPort,
  ToPort,
  IpRanges = [],
  UserIdGroupPairs = [],
}: IpPermission): IngressRule[] {
  const ports = portsOf(IpProtocol, FromPort, ToPort)
  if (ports === undefined) return []
  const peers = [...IpRanges.map(({ CidrIp }) => CidrIp), ...UserIdGroupPairs.map(({ GroupId }) => GroupId)]
  return peers.flatMap((peer) => (peer ? [{ ...ports, peer }] : []))
}

function portsOf(
  protocol: string | undefined,
  from: number | undefined,
  to: number | undefined,
): Pick<IngressRule, 'protocol' | 'port'> | undefined {
  if (protocol === '-1') return { protocol, port: -1 }
  if ((protocol !== 'tcp' && protocol !== 'udp') || from === undefined || from !== to) return undefined
  return { protocol, port: from }
}
