import { places, startEcho, testProgram } from 'node-wireguard/testing/landscape'
import { describe, expect, it } from 'vitest'
import { type EndFile, openPair, type Pair, withLink } from '../testing/pair.ts'

const groupId = 65_532
const podOfSix = 'fd00:96::1'
const otherNames = [
  { network: '100.96.0.0/16', inTunnel: '244.96.0.0/16' },
  { network: 'fd00:96::/64', inTunnel: 'fd99:96::/64' },
]

function bend(own: string, peer: string, more: object): (file: EndFile) => Record<string, unknown> {
  return (file) => ({
    ...withLink(file, (link) => ({
      ...link,
      peer: { ...link.peer, tunnelAddresses: [...(link.peer.tunnelAddresses as string[]), peer] },
    })),
    tunnelAddresses: [...file.tunnelAddresses, own],
    networks: { ...places.networks, pods: ['100.96.0.0/16', 'fd00:96::/64'] },
    otherNames,
    ...more,
  })
}

describe('a seed and a shoot that both have the pods’ networks', () => {
  it('are joined all the same: the API server reaches the shoot’s pods by their names, all others the seed’s own', async () => {
    await using pair = await openPair({
      seed: bend('fd8f:6d53:b97a:1::1', 'fd8f:6d53:b97a:1::2', { otherNamesForGroup: groupId }),
      shoot: bend('fd8f:6d53:b97a:1::2', 'fd8f:6d53:b97a:1::1', {}),
    })
    const { seed, door, vpn, node } = pair.landscape
    // The seed's own pods have the addresses of the shoot's.
    await pair.laboratory.cable(
      { in: seed, interfaceName: 'pods', address: '100.96.0.200/24' },
      { in: door, interfaceName: 'seedpods', address: `${places.podAddress}/24` },
    )
    await seed.run('ip', 'address', 'add', 'fd00:96::200/64', 'dev', 'pods', 'nodad')
    await door.run('ip', 'address', 'add', `${podOfSix}/64`, 'dev', 'seedpods', 'nodad')
    await vpn.run('ip', 'address', 'add', 'fd00:96::2/64', 'dev', 'eth0', 'nodad')
    await node.run('ip', 'address', 'add', `${podOfSix}/64`, 'dev', 'pod2', 'nodad')
    await vpn.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
    await startEcho(node, podOfSix)
    await pair.seed.start()
    await pair.shoot.start()
    await pair.connected()
    for (const address of [places.podAddress, podOfSix]) {
      expect(await connect(pair, address, true, 1_000_000)).toMatchObject({ bytes: 1_000_000 })
      // Nobody echoes on the seed's own pod.
      expect(await connect(pair, address, false)).toEqual({ problem: 'ECONNREFUSED' })
    }
    expect(await connect(pair, '244.96.0.3', false)).toMatchObject({ bytes: 5 })
    expect(await connect(pair, places.nodeAddress, false)).toMatchObject({ bytes: 5 })
  })

  it('are refused without other names', async () => {
    await using pair = await openPair()
    const { seed, door } = pair.landscape
    await pair.laboratory.cable(
      { in: seed, interfaceName: 'pods', address: '100.96.0.200/24' },
      { in: door, interfaceName: 'seedpods', address: `${places.podAddress}/24` },
    )
    await pair.seed.start()
    const { code, said } = await pair.seed.ended()
    expect({ code, said }).toEqual({
      code: 1,
      said: expect.stringContaining('overlaps with 100.96.0.0/24 behind pods'),
    })
  })
})

async function connect(pair: Pair, address: string, asGroup: boolean, bytes = 5): Promise<object> {
  const words = [process.execPath, testProgram('connect'), address, String(places.echoPort), String(bytes)]
  const group = asGroup ? ['setpriv', '--regid', String(groupId), '--clear-groups'] : []
  const [program = '', ...args] = [...group, ...words]
  return JSON.parse(await pair.landscape.seed.run(program, ...args))
}
