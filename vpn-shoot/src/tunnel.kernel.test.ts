import { eventually } from 'node-wireguard/testing/eventually'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { End } from '../testing/end.ts'
import { type Mesh, openMesh } from '../testing/mesh.ts'
import { openWaiting, type Waiting } from '../testing/waiting.ts'

/** An emulated machine has its hands full with ten probes a second. */
const automatic = { implementation: 'automatic', probe: { intervalMilliseconds: 2000 } }

describe('a tunnel of the kernel’s devices', () => {
  let mesh: Mesh
  let connection: Waiting
  const seed = () => mesh.seeds[0] ?? missing()
  const all = () => [...mesh.seeds, ...mesh.shoots]

  beforeAll(async () => {
    mesh = await openMesh({ seeds: 1, shoots: 1, more: { seed: automatic, shoot: automatic } })
    await mesh.start()
    await mesh.connected()
    connection = await openWaiting(seed().namespace)
  })

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]()
  })

  it('reaches the pod by devices that nothing asked for in particular', async () => {
    for (const end of all())
      expect(await eventually('its link', () => end.link())).toMatchObject({ implementation: 'kernel' })
    expect(await mesh.connect(seed(), 2_000_000)).toMatchObject({ bytes: 2_000_000 })
    expect(await devicesOf(seed())).toHaveLength(1)
  })

  it('changes keys while a connection stays open', async () => {
    const [former] = await devicesOf(seed())
    await mesh.configure([1, 2])
    for (const end of all())
      await eventually('both links', async () => ((await end.status()).linksUp === 2 ? true : undefined))
    await connection.ask()
    await mesh.configure([2])
    for (const end of all())
      await eventually('one device', async () => ((await devicesOf(end)).length === 1 ? true : undefined))
    await connection.ask()
    expect(await devicesOf(seed())).not.toContain(former)
  })

  it('goes on without its programs, which take their devices up again', async () => {
    for (const end of all()) {
      const before = await devicesOf(end)
      await end.killContainer()
      await connection.ask()
      await end.start()
      await mesh.connected()
      expect(await devicesOf(end)).toEqual(before)
    }
    await connection.ask()
    expect(connection.problem()).toBeUndefined()
  })
})

/** Names of the kernel's devices in an end's namespace. */
async function devicesOf({ namespace }: End): Promise<readonly string[]> {
  const links: readonly { readonly ifname: string }[] = JSON.parse(
    await namespace.run('ip', '-json', 'link', 'show', 'type', 'wireguard'),
  )
  return links.map(({ ifname }) => ifname)
}

function missing(): never {
  throw new RangeError('one seed was asked for')
}
