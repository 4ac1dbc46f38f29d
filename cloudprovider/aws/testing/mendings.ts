import type { Forward, QueryAnswer, QueryCall } from './ec2-front.ts'

/** Small things that EC2 does as documented and moto does not. */
export function createMendings(forward: Forward): Forward {
  return (call) => {
    switch (call.parameters.get('Action')) {
      // Moto knows no monitoring: it is taken, and not remembered.
      case 'MonitorInstances':
      case 'UnmonitorInstances':
        return Promise.resolve({ status: 200, body: '<Response><instancesSet/></Response>' })
      case 'CreateDhcpOptions':
        return createDhcpOptions(forward, call)
      case 'DeleteKeyPair':
        return deleteKeyPair(forward, call)
      default:
        return forward(call)
    }
  }
}

/** Moto forgets the tags that come with new DHCP options. */
async function createDhcpOptions(forward: Forward, call: QueryCall): Promise<QueryAnswer> {
  const answer = await forward(call)
  const id = /<dhcpOptionsId>([^<]+)</.exec(answer.body)?.[1]
  if (id === undefined) return answer
  const tags = [...call.parameters].flatMap(([key, value]) => {
    const name = /^TagSpecification\.1\.(Tag\..*)$/.exec(key)?.[1]
    return name === undefined ? [] : [[name, value] as const]
  })
  const parameters = { Action: 'CreateTags', Version: '2016-11-15', 'ResourceId.1': id, ...Object.fromEntries(tags) }
  await forward({ ...call, parameters: new URLSearchParams(parameters) })
  return answer
}

/** Moto deletes key pairs by their names alone. */
async function deleteKeyPair(forward: Forward, call: QueryCall): Promise<QueryAnswer> {
  const filter = { 'Filter.1.Name': 'key-pair-id', 'Filter.1.Value.1': call.parameters.get('KeyPairId') ?? '' }
  const ask = new URLSearchParams({ Action: 'DescribeKeyPairs', Version: '2016-11-15', ...filter })
  const found = await forward({ ...call, parameters: ask })
  const name = /<keyName>([^<]+)</.exec(found.body)?.[1] ?? ''
  const parameters = new URLSearchParams({ Action: 'DeleteKeyPair', Version: '2016-11-15', KeyName: name })
  return forward({ ...call, parameters })
}
