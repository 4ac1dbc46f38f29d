import { eventually } from 'node-wireguard/testing/eventually'
import { places, testProgram } from 'node-wireguard/testing/landscape'
import { eachLine } from 'node-wireguard/testing/relay-ends'
import { expect, it } from 'vitest'
import type { End } from '../testing/end.ts'
import { type Mesh, openMesh } from '../testing/mesh.ts'
import { delay, lose, narrow } from '../testing/weather.ts'

it.each([
  { percent: 1, bytes: 20_000_000 },
  { percent: 5, bytes: 2_000_000 },
  { percent: 20, bytes: 100_000 },
])(
  'nothing moves while $percent % of the datagrams are lost, and a stream arrives whole',
  async ({ percent, bytes }) => {
    await using mesh = await openStartedMesh()
    await lose(mesh.landscape, percent)
    await calm(mesh, bytes)
  },
)

it('nothing moves when answers take 400 ms and some of them are lost', async () => {
  await using mesh = await openMesh({ seeds: 1, shoots: 1 })
  await delay(mesh.landscape, 51_821, 200)
  await mesh.start()
  await mesh.connected()
  await lose(mesh.landscape, 2)
  await calm(mesh, 500_000)
})

it('nothing moves while a stream fills a queue that takes two seconds to empty', async () => {
  await using mesh = await openStartedMesh()
  await narrow(mesh.landscape, 2000, 3000)
  await calm(mesh, 800_000)
})

async function openStartedMesh(): Promise<Mesh> {
  const mesh = await openMesh({ seeds: 1, shoots: 2 })
  await mesh.start()
  await mesh.connected()
  for (const end of [...mesh.seeds, ...mesh.shoots]) {
    const sized = async () => ((await end.status()).links.every(({ mtu }) => mtu === 1420) ? true : undefined)
    await eventually('the size', sized)
  }
  return mesh
}

/** Sends streams there and back, beside a question every 10 ms for ten seconds at least, and looks what has moved meanwhile. */
async function calm(mesh: Mesh, bytes: number): Promise<void> {
  const [seed] = mesh.seeds
  if (seed === undefined) throw new RangeError('a seed was asked for')
  const ends = [seed, ...mesh.shoots]
  const before = await Promise.all(ends.map(movements))
  let asked = 0
  const questions = [testProgram('gaps'), places.podAddress, String(places.echoPort), '10']
  eachLine<{ sequence: number }>(seed.namespace.start(process.execPath, questions), ({ sequence }) => {
    asked = sequence
  })
  const streams = await Promise.all(Array.from({ length: 5 }, () => mesh.connect(seed, bytes, 60_000)))
  const { rttMilliseconds } = await seed.link()
  await eventually('a thousand questions', () => (asked >= 1000 ? true : undefined), 60_000)
  process.stdout.write(
    `${JSON.stringify({ bytes, seconds: streams.map(({ seconds }) => seconds), rttMilliseconds })}\n`,
  )
  expect(streams.map((stream) => stream.bytes)).toEqual(streams.map(() => bytes))
  expect(await Promise.all(ends.map(movements))).toEqual(before)
}

async function movements(end: End) {
  const { switches, links } = await end.status()
  return { switches, links: links.map(({ outages, repairs, mtu }) => ({ outages, repairs, mtu })) }
}
