import { content, contents, type Moto, motoImage, motoRegion, tagParameters } from './moto.ts'
import type { LooseSpec } from './specs.ts'

/** An account with what a class names: a network, a security group, an instance profile. */
export interface Account {
  readonly subnetId: string
  readonly groupId: string
  /** A class whose servers belong to the cluster. */
  providerSpec(cluster: string): LooseSpec
  readonly secret: Readonly<Record<string, string>>
  /** Ids of servers that have not ended. */
  serverIds(): Promise<readonly string[]>
  /** A second server with the tags of the one that the machine has; its id. */
  duplicate(machineName: string): Promise<string>
  /** Tags of the machine's server in a cluster. */
  tagsOf(machineName: string, cluster: string): Promise<Readonly<Record<string, string>>>
  /** A network interface that belongs to no server. */
  leaveInterface(tags: Readonly<Record<string, string>>): Promise<string>
  /** A volume that belongs to no server. */
  leaveVolume(tags: Readonly<Record<string, string>>): Promise<string>
  /** An address that belongs to no server. */
  leaveAddress(tags: Readonly<Record<string, string>>): Promise<string>
}

/** Tags of everything that a cluster's machine has. */
export function machineTags(machineName: string, cluster: string): Readonly<Record<string, string>> {
  return { Name: machineName, [`kubernetes.io/cluster/${cluster}`]: '1', 'kubernetes.io/role/node': '1' }
}

/** Empties the server and sets the account up. */
export async function prepareAccount(moto: Moto): Promise<Account> {
  await moto.reset()
  const vpcId = content(await moto.ask('ec2', 'CreateVpc', { CidrBlock: '10.250.0.0/16' }), 'vpcId')
  const subnetId = content(
    await moto.ask('ec2', 'CreateSubnet', { VpcId: vpcId, CidrBlock: '10.250.0.0/19' }),
    'subnetId',
  )
  const group = { GroupName: 'nodes', GroupDescription: 'nodes', VpcId: vpcId }
  const groupId = content(await moto.ask('ec2', 'CreateSecurityGroup', group), 'groupId')
  await moto.ask('iam', 'CreateInstanceProfile', { InstanceProfileName: 'nodes' })
  const leave = async (action: string, kind: string, element: string, parameters: Record<string, string>) => {
    return async (tags: Readonly<Record<string, string>>) =>
      content(await moto.ask('ec2', action, { ...parameters, ...tagParameters(kind, tags) }), element)
  }
  const zone = `${motoRegion}a`
  return {
    subnetId,
    groupId,
    providerSpec: (cluster) => ({
      ami: motoImage.id,
      region: motoRegion,
      machineType: 'm5.large',
      iam: { name: 'nodes' },
      tags: { [`kubernetes.io/cluster/${cluster}`]: '1', 'kubernetes.io/role/node': '1' },
      blockDevices: [{ ebs: { volumeSize: 50, volumeType: 'gp3' } }],
      networkInterfaces: [{ subnetID: subnetId, securityGroupIDs: [groupId] }],
    }),
    secret: { accessKeyID: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI', userData: '#cloud-config' },
    serverIds: async () => {
      const states = {
        'Filter.1.Name': 'instance-state-name',
        'Filter.1.Value.1': 'pending',
        'Filter.1.Value.2': 'running',
      }
      return contents(await moto.ask('ec2', 'DescribeInstances', states), 'instanceId')
    },
    duplicate: async (machineName) => {
      const request = { ImageId: motoImage.id, MinCount: '1', MaxCount: '1', SubnetId: subnetId }
      const tags = tagParameters('instance', machineTags(machineName, 'one'))
      return content(await moto.ask('ec2', 'RunInstances', { ...request, ...tags }), 'instanceId')
    },
    tagsOf: async (machineName, cluster) => {
      const filters = Object.entries(machineTags(machineName, cluster)).flatMap(([key, value], index) => [
        [`Filter.${index + 1}.Name`, `tag:${key}`],
        [`Filter.${index + 1}.Value.1`, value],
      ])
      const xml = await moto.ask('ec2', 'DescribeInstances', Object.fromEntries(filters))
      const set = /<tagSet>(.*?)<\/tagSet>/s.exec(xml)?.[1] ?? ''
      const [keys, values] = [contents(set, 'key'), contents(set, 'value')]
      return Object.fromEntries(keys.map((key, index) => [key, values[index] ?? '']).sort())
    },
    leaveInterface: await leave('CreateNetworkInterface', 'network-interface', 'networkInterfaceId', {
      SubnetId: subnetId,
    }),
    leaveVolume: await leave('CreateVolume', 'volume', 'volumeId', { Size: '1', AvailabilityZone: zone }),
    leaveAddress: await leave('AllocateAddress', 'elastic-ip', 'allocationId', { Domain: 'vpc' }),
  }
}
