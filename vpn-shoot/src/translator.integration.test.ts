import { eventually } from 'node-wireguard/testing/eventually'
import { places } from 'node-wireguard/testing/landscape'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPair, type Pair } from '../testing/pair.ts'
import { openStream, type Stream } from '../testing/stream.ts'

/** Some translators on the way forget flows, or begin to use another port for them, and nobody tells. */
describe('a translator on the way', () => {
  let pair: Pair
  let stream: Stream

  beforeAll(async () => {
    pair = await openPair()
    await pair.seed.start()
    await pair.shoot.start()
    await pair.connected()
    stream = openStream(pair.seed.namespace)
  })
  afterAll(() => pair[Symbol.asyncDispose]())

  /** Has all flows leave by ports from here on, and forgets those that there are. */
  async function translateFrom(port: number): Promise<void> {
    const { door } = pair.landscape
    const rules = `
      flush chain ip front postrouting
      add rule ip front postrouting iifname "shoot" oifname "seed" meta l4proto udp masquerade to :${port}-${port + 9}
    `
    await door.feed(rules, 'nft', '-f', '-')
    await door.run('sh', '-c', 'conntrack -D -p udp || true')
  }

  it.each([
    ['idle', false],
    ['under load', true],
  ])('may forget flows and use other ports, %s, and nothing breaks', async (_, loaded) => {
    const before = await Promise.all([pair.seed, pair.shoot].map(async (end) => (await end.link()).outages))
    await stream.sinceLast()
    let working = true
    const load = (async () => {
      const rounds: object[] = []
      while (working && loaded) rounds.push(await pair.connect(places.podAddress, places.echoPort, 20_000_000))
      return rounds
    })()
    for (const port of loaded ? [43_000, 44_000, 45_000] : [40_000, 41_000]) {
      await translateFrom(port)
      // The next packet of the shoot's end shows the seed's where it is now.
      await eventually('the other port', async () => {
        const [, used] = (await pair.seed.link()).endpoint?.split(':') ?? []
        return Number(used) >= port && Number(used) < port + 10 ? true : undefined
      })
      const { longestGapMilliseconds } = await stream.sinceLast()
      process.stdout.write(`${JSON.stringify({ loaded, port, longestGapMilliseconds })}\n`)
      expect(await pair.connect(places.podAddress, places.echoPort)).toMatchObject({ bytes: 5 })
    }
    working = false
    for (const round of await load) expect(round).toMatchObject({ bytes: 20_000_000 })
    expect(await Promise.all([pair.seed, pair.shoot].map(async (end) => (await end.link()).outages))).toEqual(before)
  })
})
