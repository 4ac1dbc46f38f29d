import { eventually } from 'node-wireguard/testing/eventually'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { End } from '../testing/end.ts'
import { type Mesh, openMesh } from '../testing/mesh.ts'
import { openStream, type Stream } from '../testing/stream.ts'

let mesh: Mesh
let ends: readonly End[]
let stream: Stream

beforeAll(async () => {
  mesh = await openMesh({ seeds: 1, shoots: 1 })
  ends = [...mesh.seeds, ...mesh.shoots]
  await mesh.start()
  await mesh.connected()
  stream = openStream(seed().namespace)
})

afterAll(async () => {
  await mesh[Symbol.asyncDispose]()
})

/** Does something while questions are asked every 10 ms and a connection goes on; nothing may be lost, and the connection must not break. */
async function withoutLoss(what: string, work: () => Promise<void>): Promise<void> {
  await stream.sinceLast()
  let working = true
  const connection = (async () => {
    const rounds: object[] = []
    while (working) rounds.push(await mesh.connect(seed(), 20_000_000))
    return rounds
  })()
  await work()
  working = false
  for (const round of await connection) expect(round).toMatchObject({ bytes: 20_000_000 })
  const interruption = await stream.sinceLast()
  process.stdout.write(`${JSON.stringify({ rotation: what, interruption })}\n`)
  expect(interruption.lost).toBe(0)
}

it('keys change without a loss, while connections go on', async () => {
  const keysBefore = await keysOf(ends)
  await withoutLoss('keys', async () => {
    await mesh.configure([1, 2])
    for (const end of ends) await eventually('the second link', async () => (await upLinks(end)) === 2 || undefined)
    await mesh.configure([2])
    for (const end of ends) {
      await eventually('the first link going', async () => {
        const { links } = await end.status()
        return links.length === 1 && links[0]?.carries === true ? true : undefined
      })
    }
  })
  for (const [index, key] of (await keysOf(ends)).entries()) expect(key).not.toBe(keysBefore[index])
  for (const end of ends) expect(await end.status()).toMatchObject({ switches: 1, up: true })
  // What the first link left is gone.
  const shown = await seed().namespace.run('ip', '-brief', 'link', 'show', 'type', 'tun')
  expect(shown.trim().split('\n')).toHaveLength(1)
})

it('a link that the configuration loses while nobody runs is taken away', async () => {
  await mesh.configure([2, 3])
  for (const end of ends) await eventually('both links', async () => (await upLinks(end)) === 2 || undefined)
  for (const end of ends) await end.killContainer()
  await mesh.configure([3])
  for (const end of ends) await end.start()
  await mesh.connected()
  for (const end of ends) {
    expect((await end.status()).links).toHaveLength(1)
    const shown = await end.namespace.run('ip', '-brief', 'link', 'show', 'type', 'tun')
    expect(shown.trim().split('\n')).toHaveLength(1)
    expect(await end.namespace.run('nft', 'list', 'table', 'inet', 'tunnel_trellis')).not.toContain(former(end))
  }
  expect(await mesh.connect(seed())).toMatchObject({ bytes: 5 })
})

it('programs of a new version take over from those before', async () => {
  await withoutLoss('our program', async () => {
    for (const end of ends) {
      await end.killProgram()

      await end.start()
      await eventually('the program', async () => (await upLinks(end)) === 1 || undefined)
    }
  })
})

it('a configuration that cannot be read changes nothing', async () => {
  await withoutLoss('a broken configuration', async () => {
    await mesh.spoil()
    for (const end of ends) await eventually('a word about it', () => end.said().includes('is not JSON') || undefined)
    expect(await upLinks(seed())).toBe(1)
  })
})

function seed(): End {
  const [first] = mesh.seeds
  if (first === undefined) throw new RangeError('a seed was asked for')
  return first
}

/** Name of an end's link of the second generation. */
function former({ interfaceName }: End): string {
  return interfaceName.replace('g1', 'g2')
}

async function upLinks(end: End): Promise<number> {
  return (await end.status()).linksUp
}

function keysOf(some: readonly End[]): Promise<readonly string[]> {
  return Promise.all(some.map(async (end) => (await end.link()).publicKey))
}
