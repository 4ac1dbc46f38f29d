import { eventually } from 'node-wireguard/testing/eventually'
import { openLaboratory } from 'node-wireguard/testing/namespaces'
import { describe, expect, it } from 'vitest'
import { addTunnel, ask, buildDoorLandscape, dial, lead, startDoor } from '../testing/landscape.ts'

describe('the front door', () => {
  it('brings two shoots behind one NAT to their own seed ends, and hands them to the kernel', async () => {
    await using laboratory = openLaboratory()
    const landscape = await buildDoorLandscape(laboratory)
    const tunnels = [await addTunnel(laboratory, landscape, 1), await addTunnel(laboratory, landscape, 2)]
    await lead(landscape, tunnels)
    const door = await startDoor(landscape, { forwarding: 'kernel' })
    for (const tunnel of tunnels) await dial(tunnel)
    const asking = tunnels.map(ask)
    for (const one of asking) await one.next()
    await eventually('the kernel carries both', async () =>
      (await door.status()).flows.kernel === 2 ? true : undefined,
    )
    const before = (await door.status()).udp.userspace.toDestination.packets
    const answered = asking.map(({ answers }) => answers.length)
    await eventually('a hundred more answers', () =>
      asking.every(({ answers }, index) => answers.length > (answered[index] ?? 0) + 100) ? true : undefined,
    )
    const after = await door.status()
    expect(after.udp.userspace.toDestination.packets).toBe(before)
  })
})
