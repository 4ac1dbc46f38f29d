import { places, startEcho } from 'node-wireguard/testing/landscape'
import { describe, expect, it } from 'vitest'
import { openPair, type PairOptions, withLink } from '../testing/pair.ts'

const ends = { seed: 'fd8f:6d53:b97a:1::1', shoot: 'fd8f:6d53:b97a:1::2' }

function dual(own: string, peer: string): NonNullable<PairOptions['seed']> {
  return (file) => ({
    ...withLink(file, (link) => ({
      ...link,
      peer: { ...link.peer, tunnelAddresses: [...(link.peer.tunnelAddresses as string[]), peer] },
    })),
    tunnelAddresses: [...file.tunnelAddresses, own],
    networks: { ...places.networks, pods: ['100.96.0.0/16', 'fd00:96::/64'] },
  })
}

describe('a tunnel for both families', () => {
  it('reaches IPv4 and IPv6 networks of the shoot', async () => {
    await using pair = await openPair({ seed: dual(ends.seed, ends.shoot), shoot: dual(ends.shoot, ends.seed) })
    const { vpn, node } = pair.landscape
    await vpn.run('ip', 'address', 'add', 'fd00:96::2/64', 'dev', 'eth0', 'nodad')
    await node.run('ip', 'address', 'add', 'fd00:96::1/64', 'dev', 'pod2', 'nodad')
    // What the pod's sysctl does in a cluster.
    await vpn.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
    await startEcho(node, 'fd00:96::1')
    await pair.seed.start()
    await pair.shoot.start()
    await pair.connected()
    const bytes = 1_000_000
    expect(await pair.connect('fd00:96::1', places.echoPort, bytes)).toMatchObject({ bytes })
    expect(await pair.connect(places.podAddress, places.echoPort)).toMatchObject({ bytes: 5 })
  })

  it('also works when the seed dials and the shoot waits', async () => {
    await using pair = await openPair({
      seed: (file) =>
        withLink(file, ({ listenPort: _, ...link }) => ({
          ...link,
          peer: { ...link.peer, endpoint: '198.18.0.11:51820', keepaliveSeconds: 25 },
        })),
      shoot: (file) =>
        withLink(file, (link) => {
          const { endpoint: _, ...peer } = link.peer
          return { ...link, listenPort: 51_820, peer }
        }),
    })
    // A front door on the shoot's side instead.
    const { door, node } = pair.landscape
    await door.run('ip', 'address', 'add', '198.18.0.11/32', 'dev', 'lo')
    await door.feed('add rule ip front prerouting ip daddr 198.18.0.11 dnat to 10.250.0.5\n', 'nft', '-f', '-')
    await node.feed('add rule ip node prerouting udp dport 51820 dnat to 100.96.0.2\n', 'nft', '-f', '-')
    await pair.shoot.start()
    await pair.seed.start()
    await pair.connected()
    expect(await pair.connect(places.podAddress, places.echoPort)).toMatchObject({ bytes: 5 })
    expect(await pair.seed.link()).toMatchObject({ role: 'dialer' })
    expect(await pair.shoot.link()).toMatchObject({ role: 'listener' })
  })
})
