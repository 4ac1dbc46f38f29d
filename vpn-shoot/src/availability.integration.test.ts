import { eventually } from 'node-wireguard/testing/eventually'
import { never } from 'node-wireguard/testing/never'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { End } from '../testing/end.ts'
import { type Mesh, openMesh } from '../testing/mesh.ts'
import { type Interruption, openStream, type Stream } from '../testing/stream.ts'

describe('two replicas on each side', () => {
  let mesh: Mesh
  let streams: readonly Stream[]

  beforeAll(async () => {
    mesh = await openMesh()
    await mesh.start()
    await mesh.connected()
    streams = mesh.seeds.map((seed) => openStream(seed.namespace))
  })

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]()
  })

  /** Does harm to the replica that carries for the first seed and says how long nothing came through to each seed. */
  async function outage(harm: (carrier: End) => Promise<void>): Promise<readonly Interruption[]> {
    await Promise.all(streams.map((stream) => stream.sinceLast()))
    const carrier = await carrierOf(mesh)
    await harm(carrier)
    const gaps = await Promise.all(streams.map((stream) => stream.sinceLast()))
    expect(await carrierOf(mesh)).not.toBe(carrier)
    return gaps
  }

  it('have a path for each pair, and reach the pod from both seeds', async () => {
    for (const end of [...mesh.seeds, ...mesh.shoots]) expect((await end.status()).links).toHaveLength(2)
    for (const seed of mesh.seeds) expect(await mesh.connect(seed)).toMatchObject({ bytes: 5 })
  })

  it('leave a replica that dies, idle or busy', async () => {
    let dead: End | undefined
    const gaps = await outage(async (carrier) => {
      dead = carrier
      await carrier.killContainer()
    })
    report('death', gaps)
    for (const gap of gaps) expect(gap.longestGapMilliseconds).toBeLessThan(never)
    for (const seed of mesh.seeds) expect(await mesh.connect(seed, 10_000_000)).toMatchObject({ bytes: 10_000_000 })
    // The one that comes back stands by: nothing moves without need.
    const switches = await Promise.all(mesh.seeds.map(async (seed) => (await seed.status()).switches))
    await dead?.start()
    await mesh.connected()
    expect(await Promise.all(mesh.seeds.map(async (seed) => (await seed.status()).switches))).toEqual(switches)
  })

  it('leave a replica that is asked to stop without losing anything', async () => {
    let stopped: End | undefined
    const gaps = await outage(async (carrier) => {
      stopped = carrier
      expect(await carrier.stop()).toBe(0)
    })
    report('stop', gaps)
    for (const gap of gaps) expect(gap).toEqual({ longestGapMilliseconds: expect.any(Number), lost: 0 })
    await stopped?.start()
    await mesh.connected()
  })

  it('go on with the other seed when one is gone', async () => {
    const [first, second] = mesh.seeds
    if (first === undefined || second === undefined) throw new RangeError('two seeds were asked for')
    await first.killContainer()
    expect(await mesh.connect(second)).toMatchObject({ bytes: 5 })
    for (const shoot of mesh.shoots) {
      await eventually('the loss being seen', async () => ((await shoot.status()).up ? undefined : true))
      // Some seed is reached: this replica is of use.
      expect(await shoot.get('/readyz')).toMatchObject({ code: 200 })
    }
  })
})

async function carrierOf(mesh: Mesh): Promise<End> {
  const link = await mesh.seeds[0]?.link()
  const carrier = mesh.shoots.find((_, index) => link?.peer === `shoot-${index}`)
  if (carrier === undefined || link?.carries !== true) throw new RangeError('nothing carries')
  return carrier
}

function report(what: string, interruptions: readonly Interruption[]): void {
  process.stdout.write(`${JSON.stringify({ harm: what, interruptions })}\n`)
}
