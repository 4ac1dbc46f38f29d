import { eventually } from 'node-wireguard/testing/eventually'
import { describe, expect, it } from 'vitest'
import type { End } from '../testing/end.ts'
import { type Mesh, openMesh } from '../testing/mesh.ts'
import { openWaiting } from '../testing/waiting.ts'

async function start(shoots: number): Promise<Mesh & { readonly seed: End }> {
  const mesh = await openMesh({ seeds: 1, shoots })
  await mesh.start()
  await mesh.connected()
  return { ...mesh, seed: mesh.seeds[0] ?? missing() }
}

async function carrierOf({ seed, shoots }: Awaited<ReturnType<typeof start>>): Promise<End> {
  const { peer } = await seed.link()
  return shoots.find((_, index) => peer === `shoot-${index}`) ?? missing()
}

function missing(): never {
  throw new RangeError('one seed and a replica at least were asked for')
}

describe('a connection that waits for an answer', () => {
  it('outlives programs that start again where they were', async () => {
    await using mesh = await start(1)
    const waiting = await openWaiting(mesh.seed.namespace)
    for (const end of [...mesh.shoots, mesh.seed]) {
      await end.killContainer()
      await end.start()
      await mesh.connected()
      await waiting.ask()
    }
    expect(waiting.problem()).toBeUndefined()
  })

  it('ends as soon as another pod takes the place of the one that it goes through', async () => {
    await using mesh = await start(1)
    const waiting = await openWaiting(mesh.seed.namespace)
    const former = await carrierOf(mesh)
    const replacement = await mesh.replacementOf(former)
    await former.killContainer()
    await replacement.start()
    expect(await eventually('the end', waiting.problem)).toBe('ECONNABORTED')
    expect(await mesh.connect(mesh.seed)).toMatchObject({ bytes: 5 })
  })

  it('ends as soon as its replica is left, and none that is opened later does', async () => {
    await using mesh = await start(2)
    const waiting = await openWaiting(mesh.seed.namespace)
    const dead = await carrierOf(mesh)
    await dead.killContainer()
    expect(await eventually('the end', waiting.problem)).toBe('ECONNABORTED')
    const later = await openWaiting(mesh.seed.namespace)
    await dead.start()
    await mesh.connected()
    await later.ask()
    const stopped = await carrierOf(mesh)
    expect(stopped).not.toBe(dead)
    await stopped.stop()
    expect(await eventually('the end', later.problem)).toBe('ECONNABORTED')
  })
})
