import { publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import { type Laboratory, openLaboratory } from 'node-wireguard/testing/namespaces'
import { never } from 'node-wireguard/testing/never'
import { describe, expect, it } from 'vitest'
import {
  addTunnel,
  addVersionSix,
  ask,
  buildDoorLandscape,
  dial,
  lead,
  longestGap,
  moveSources,
  packetsReceived,
  places,
  startDoor,
  startSeedEnd,
  type TestTunnel,
  testProgram,
} from '../testing/landscape.ts'

/** A landscape with so many tunnels whose shoots do not dial yet. */
async function build(laboratory: Laboratory, count: number) {
  const landscape = await buildDoorLandscape(laboratory)
  const tunnels: TestTunnel[] = []
  for (let index = 1; index <= count; index++) tunnels.push(await addTunnel(laboratory, landscape, index))
  await lead(landscape, tunnels)
  const [first, second = first] = tunnels
  if (first === undefined || second === undefined) throw new RangeError('a landscape has at least one tunnel')
  return { landscape, tunnels, first, second }
}

describe.each(['kernel', 'userspace'] as const)('the front door that forwards in %s', (forwarding) => {
  it('brings two shoots behind one NAT to their own seed ends', async () => {
    await using laboratory = openLaboratory()
    const { landscape, tunnels } = await build(laboratory, 2)
    const door = await startDoor(landscape, { forwarding })
    for (const tunnel of tunnels) await dial(tunnel)
    const asking = tunnels.map(ask)
    for (const one of asking) await one.next()
    await eventually('both are carried', async () => {
      const { flows } = await door.status()
      return flows[forwarding] === 2 ? true : undefined
    })
    const passed = async () => (await door.status()).udp.userspace.toDestination.packets
    const before = await passed()
    for (const one of asking) await one.next(100)
    if (forwarding === 'kernel') expect(await passed()).toBe(before)
    else expect(await passed()).toBeGreaterThan(before + 100)
    expect((await door.status()).udp.dropped).toMatchObject({ malformed: 0, 'unknown-key': 0, 'network-limit': 0 })
  })

  it('leads a destination with a new address to its new pod, old connections of the kernel or not', async () => {
    await using laboratory = openLaboratory()
    const { landscape, first } = await build(laboratory, 1)
    await startDoor(landscape, { forwarding })
    await dial(first)
    const asking = ask(first)
    await asking.next(50)
    // The same keys in another pod, as when a Deployment replaces one; the old one goes on and would be glad of packets.
    const pod = await startSeedEnd(laboratory, landscape.door, {
      index: 1,
      key: first.keys.seed,
      peer: publicKeyOf(first.keys.shoot),
      pod: 1,
    })
    await lead(landscape, [{ ...first, seedAddress: pod.outerAddress }])
    await eventually('packets reach the new pod', async () =>
      (await packetsReceived(pod.namespace)) > 50 ? true : undefined,
    )
    // What the tunnel's own watch does after two unanswered questions: a new handshake.
    await dial(first, { anew: true })
    await asking.next(50)
    expect((await pod.device.read()).peers[0]?.latestHandshake).toBeDefined()
  })

  it('goes on with a client whose address or port has changed, without a handshake', async () => {
    await using laboratory = openLaboratory()
    const { landscape, first } = await build(laboratory, 1)
    const door = await startDoor(landscape, { forwarding })
    await dial(first)
    const asking = ask(first)
    await asking.next(50)
    const { forwarded } = (await door.status()).udp.handshakes
    await moveSources(landscape)
    await asking.next(50)
    expect(longestGap(asking)).toBeLessThan(never)
    expect((await door.status()).udp.handshakes.forwarded).toBe(forwarded)
  })

  it('gives a port of the NAT that went to another shoot to that one', async () => {
    await using laboratory = openLaboratory()
    const { landscape, first, second } = await build(laboratory, 2)
    await startDoor(landscape, { forwarding })
    const port = 40_000
    await dial(first, { port })
    await ask(first).next(20)
    await first.shoot.namespace.run('ip', 'link', 'set', 'dev', 'eth0', 'down')
    await landscape.gateway.run('conntrack', '-F')
    await dial(second, { port })
    await ask(second).next(20)
  })

  it('keeps a shoot from the seed end of another', async () => {
    await using laboratory = openLaboratory()
    const { landscape, first, second } = await build(laboratory, 2)
    const door = await startDoor(landscape, { forwarding })
    await dial(second)
    await ask(second).next(20)
    // It knows the other's public key, which is no secret, and not the private key of its peer.
    await dial(first, { to: second.publicKey })
    await eventually('its handshake is passed on', async () =>
      (await door.status()).udp.handshakes.forwarded >= 2 ? true : undefined,
    )
    const { flows, udp } = await door.status()
    expect(udp.handshakes.answered).toBe(1)
    if (forwarding === 'kernel') expect(flows.kernel).toBe(1)
  })

  it('holds a flood off the tunnels of others', async () => {
    await using laboratory = openLaboratory()
    const { landscape, first, second } = await build(laboratory, 2)
    const door = await startDoor(landscape, {
      forwarding,
      limits: { perNetwork: { perSecond: 100, burst: 200 } },
    })
    await dial(first)
    const asking = ask(first)
    await asking.next(50)
    const flood = landscape.stranger.start(process.execPath, [testProgram('flood'), places.door, String(places.port)])
    await asking.next(100)
    // A tunnel that the door has not seen before comes up all the same.
    await dial(second)
    await ask(second).next(20)
    await asking.next(100)
    expect(longestGap(asking)).toBeLessThan(never)
    expect(flood.exitCode).toBeNull()
    const { dropped } = (await door.status()).udp
    expect((dropped['unknown-key'] ?? 0) + (dropped['unknown-session'] ?? 0)).toBeGreaterThan(50)
  })
})

describe('the front door and the kernel', () => {
  it('leaves tunnels alone while its program is away, and takes them over when it is back', async () => {
    await using laboratory = openLaboratory()
    const { landscape, first, second } = await build(laboratory, 2)
    const door = await startDoor(landscape, { forwarding: 'kernel' })
    await dial(first)
    const asking = ask(first)
    await asking.next(50)
    await eventually('the kernel carries it', async () => ((await door.status()).flows.kernel === 1 ? true : undefined))
    await door.kill()
    await asking.next(50)
    const again = await startDoor(landscape, { forwarding: 'kernel' })
    await asking.next(50)
    expect((await again.status()).flows.kernel).toBe(1)
    await dial(second)
    await ask(second).next()
    // A key that has gone takes its flow with it.
    await lead(landscape, [second])
    await eventually('its flow has ended', async () => ((await again.status()).flows.kernel === 1 ? true : undefined))
  })

  it('has packets pass also by an interface that is without a carrier when it starts', async () => {
    await using laboratory = openLaboratory()
    const { landscape } = await build(laboratory, 1)
    const { door } = landscape
    await door.run('ip', 'link', 'add', 'late', 'type', 'veth', 'peer', 'name', 'other')
    await door.run('ip', 'address', 'add', '10.9.9.1/24', 'dev', 'late')
    await door.run('ip', 'link', 'set', 'late', 'up')
    await door.run('sysctl', '-qw', 'net.ipv4.conf.late.forwarding=0')
    const hasNoCarrier = async () => (await door.run('ip', 'link', 'show', 'late')).includes('NO-CARRIER') || undefined
    await eventually('no carrier', hasNoCarrier)
    await startDoor(landscape, { forwarding: 'kernel' })
    expect(await door.run('cat', '/proc/sys/net/ipv4/conf/late/forwarding')).toBe('1\n')
  })

  it('gets its rules back when somebody has taken them away', async () => {
    await using laboratory = openLaboratory()
    const { landscape, first, second } = await build(laboratory, 2)
    const door = await startDoor(landscape, { forwarding: 'kernel' })
    await dial(first)
    const asking = ask(first)
    await asking.next(50)
    await landscape.door.run('nft', 'delete', 'table', 'inet', 'trellis_front_door')
    await asking.next(20)
    await dial(second)
    await ask(second).next()
    await eventually('the kernel carries both', async () =>
      (await door.status()).flows.kernel === 2 ? true : undefined,
    )
    const listing = () => landscape.door.run('nft', 'list', 'map', 'inet', 'trellis_front_door', 'flows4')
    await eventually('both are in its map', async () =>
      (await listing()).match(/counter packets/g)?.length === 2 ? true : undefined,
    )
  })

  it.each([
    ['carries version 6 to version 6', places.six.seed, 1],
    ['leaves version 6 to version 4 to the program', undefined, 0],
  ])('%s', async (_, seedAddress, carried) => {
    await using laboratory = openLaboratory()
    const { landscape, first } = await build(laboratory, 1)
    await addVersionSix(landscape, laboratory, first)
    await lead(landscape, [{ ...first, seedAddress: seedAddress ?? first.seedAddress }])
    const door = await startDoor(landscape, { forwarding: 'kernel', addresses: [places.door, places.six.door] })
    await dial(first, { door: places.six.door })
    const asking = ask(first)
    await asking.next(50)
    expect((await door.status()).flows.kernel).toBe(carried)
    const before = (await door.status()).udp.userspace.toDestination.packets
    await asking.next(50)
    const passed = (await door.status()).udp.userspace.toDestination.packets - before
    if (carried === 1) expect(passed).toBe(0)
    else expect(passed).toBeGreaterThanOrEqual(50)
  })
})
