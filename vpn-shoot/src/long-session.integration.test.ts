import { eventually } from 'node-wireguard/testing/eventually'
import type { Namespace } from 'node-wireguard/testing/namespaces'
import { never } from 'node-wireguard/testing/never'
import { expect, it } from 'vitest'
import type { End } from '../testing/end.ts'
import { blockUdp, fallbackFields, openTlsDoor, untilTransport } from '../testing/fallback.ts'
import { type Mesh, openMesh } from '../testing/mesh.ts'
import { openStream, type Stream } from '../testing/stream.ts'

/** A session is renewed after two minutes by the end that began it, when that sends. */
const untilNextHandshake = 200_000

it('sessions are renewed without a loss, by UDP and inside TLS, where keys change too and relays die', async () => {
  await using byUdp = await openMesh({ seeds: 1, shoots: 1 })
  await using byTls = await openMesh(async ({ laboratory }) => {
    const { seed, shoot, fallback } = await fallbackFields(laboratory)
    return { seeds: 1, shoots: 1, more: { seed, shoot }, fallback }
  })
  await openTlsDoor(byTls.landscape)
  await blockUdp(byTls.landscape)
  const streams = []
  for (const mesh of [byUdp, byTls]) {
    await mesh.start()
    await mesh.connected()
    streams.push(openStream(seedOf(mesh).namespace))
  }
  const [udpStream, tlsStream] = streams as [Stream, Stream]
  await untilTransport(endsOf(byTls), 'tls')
  await udpStream.sinceLast()
  const renewed = renewalOf(byUdp, udpStream)

  await tlsStream.sinceLast()
  await changeKeys(byTls)
  const keys = await tlsStream.sinceLast()
  await untilTransport(endsOf(byTls), 'tls')
  const deaths = []
  for (const end of endsOf(byTls)) {
    await killRelay(end.namespace)
    deaths.push(await tlsStream.sinceLast())
  }
  await untilTransport(endsOf(byTls), 'tls')
  await tlsStream.sinceLast()
  const before = await Promise.all(endsOf(byTls).map(movements))
  const [udp, tls] = await Promise.all([renewed, renewalOf(byTls, tlsStream)])
  process.stdout.write(`${JSON.stringify({ keys, deaths, udp, tls })}\n`)
  expect(keys.lost).toBe(0)
  for (const { longestGapMilliseconds } of deaths) expect(longestGapMilliseconds).toBeLessThan(never)
  expect([udp.lost, tls.lost]).toEqual([0, 0])
  // A host that stands still for a third of a second makes a relay drop what has waited: that is no matter of sessions.
  for (const { lostBefore } of [udp, tls]) expect(lostBefore).toBeLessThan(200)
  expect(await Promise.all(endsOf(byTls).map(movements))).toEqual(before)
}, 400_000)

/** Waits until a handshake is complete that is another than the present one. Gives how many questions were lost around it, and in the minutes before. */
async function renewalOf(mesh: Mesh, stream: Stream): Promise<{ readonly lost: number; readonly lostBefore: number }> {
  const seed = seedOf(mesh)
  const { lastHandshake } = await seed.link()
  const losses: number[] = []
  const renewed = async () => {
    losses.push((await stream.sinceLast()).lost)
    return (await seed.link()).lastHandshake === lastHandshake ? undefined : true
  }
  await eventually('a new handshake', renewed, untilNextHandshake)
  losses.push((await stream.sinceLast()).lost)
  const sum = (some: readonly number[]) => some.reduce((total, lost) => total + lost, 0)
  // A handshake shows two seconds after it was made at most, and each of these takes more than a third of one.
  return { lost: sum(losses.slice(-7)), lostBefore: sum(losses.slice(0, -7)) }
}

/** Has a link with new keys come up beside the one there is, and closes that. */
async function changeKeys(mesh: Mesh): Promise<void> {
  await mesh.configure([1, 2])
  for (const end of endsOf(mesh)) {
    const both = async () => ((await end.status()).linksUp === 2 ? true : undefined)
    await eventually('the second link', both, 60_000)
  }
  await mesh.configure([2])
  for (const end of endsOf(mesh)) {
    const one = async () => ((await end.status()).links.length === 1 ? true : undefined)
    await eventually('the first link going', one, 60_000)
  }
}

/** Ends the relay in a namespace without asking, and waits until there is another. */
async function killRelay(namespace: Namespace): Promise<void> {
  const [killed] = await relaysIn(namespace)
  if (killed === undefined) throw new RangeError('there is no relay')
  process.kill(killed, 'SIGKILL')
  const another = async () => (await relaysIn(namespace)).find((pid) => pid !== killed)
  await eventually('another relay', another)
}

async function relaysIn(namespace: Namespace): Promise<readonly number[]> {
  const numbers = (text: string) => text.trim().split('\n').map(Number)
  const inside = numbers(await namespace.run('ip', 'netns', 'pids', namespace.name))
  const relays = numbers(await namespace.run('sh', '-c', "pgrep -f 'wireguard-relay (client|server)' || true"))
  return relays.filter((pid) => pid > 0 && inside.includes(pid))
}

async function movements(end: End) {
  const { switches, links } = await end.status()
  return { switches, links: links.map(({ outages, repairs, transport }) => ({ outages, repairs, transport })) }
}

function endsOf(mesh: Mesh): readonly End[] {
  return [...mesh.seeds, ...mesh.shoots]
}

function seedOf({ seeds: [seed] }: Mesh): End {
  if (seed === undefined) throw new RangeError('a seed was asked for')
  return seed
}
