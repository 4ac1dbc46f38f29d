import { eventually } from 'node-wireguard/testing/eventually'
import { never } from 'node-wireguard/testing/never'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { End } from '../testing/end.ts'
import { type Mesh, openMesh } from '../testing/mesh.ts'
import { openStream, type Stream } from '../testing/stream.ts'

describe('a tunnel of the kernel’s devices', () => {
  let mesh: Mesh
  let stream: Stream
  const seed = () => mesh.seeds[0] ?? missing()
  const all = () => [...mesh.seeds, ...mesh.shoots]

  beforeAll(async () => {
    mesh = await openMesh({
      seeds: 1,
      more: { seed: { implementation: 'automatic' }, shoot: { implementation: 'automatic' } },
    })
    await mesh.start()
    await mesh.connected()
    stream = openStream(seed().namespace)
  })

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]()
  })

  it('reaches the pod by devices that nothing asked for in particular', async () => {
    for (const end of all())
      for (const link of (await end.status()).links) expect(link).toMatchObject({ implementation: 'kernel', up: true })
    expect(await mesh.connect(seed(), 2_000_000)).toMatchObject({ bytes: 2_000_000 })
    const shown = JSON.parse(await seed().namespace.run('ip', '-json', 'link', 'show', 'type', 'wireguard'))
    expect(shown).toHaveLength(2)
  })

  it('changes keys without a loss', async () => {
    await stream.sinceLast()
    await mesh.configure([1, 2])
    for (const end of all())
      await eventually('the new links', async () => (await linksUp(end)) === 2 * counterparts(end) || undefined)
    await mesh.configure([2])
    for (const end of all())
      await eventually('the old links going', async () => (await linkCount(end)) === counterparts(end) || undefined)
    expect(await stream.sinceLast()).toMatchObject({ lost: 0 })
    const shown = JSON.parse(await seed().namespace.run('ip', '-json', 'link', 'show', 'type', 'wireguard'))
    expect(shown).toHaveLength(2)
  })

  it('leaves a replica whose program dies, though its device lives on, and takes that device up again', async () => {
    await stream.sinceLast()
    const dead = await carrier()
    await dead.killContainer()
    expect((await stream.sinceLast()).longestGapMilliseconds).toBeLessThan(never)
    // The device goes on by itself, so the stream may not have noticed.
    await eventually('another carrying', async () => ((await carrier()) === dead ? undefined : true))
    await dead.start()
    await mesh.connected()
    expect(await mesh.connect(seed())).toMatchObject({ bytes: 5 })
  })

  const linksUp = async (end: End) => (await end.status()).linksUp
  const linkCount = async (end: End) => (await end.status()).links.length
  /** How many ends the other side has. */
  const counterparts = (end: End) => (end.label === 'seed' ? mesh.shoots.length : mesh.seeds.length)

  async function carrier(): Promise<End> {
    const { peer } = await seed().link()
    return mesh.shoots.find((_, index) => peer === `shoot-${index}`) ?? missing()
  }
})

function missing(): never {
  throw new RangeError('one seed and two replicas were asked for')
}
