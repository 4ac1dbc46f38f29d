import { eventually } from 'node-wireguard/testing/eventually'
import { places } from 'node-wireguard/testing/landscape'
import { never } from 'node-wireguard/testing/never'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allowUdp, blockUdp, fallbackFields, pairWithFallback, untilTransport } from '../testing/fallback.ts'
import { moveOutsideToIpv6, outerDoorAddress } from '../testing/outer-ipv6.ts'
import { openPair, type Pair } from '../testing/pair.ts'
import { openStream } from '../testing/stream.ts'

/** Headers of IPv6, UDP and WireGuard. */
const overhead = 80
/** What a narrow part of the way carries, without telling anybody about what it does not. */
const narrow = 1400

describe('where there is only IPv6 outside', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await openPair(async ({ laboratory }) => {
      const options = pairWithFallback(await fallbackFields(laboratory, `[${outerDoorAddress}]`))
      const endpoint = `[${outerDoorAddress}]:${places.doorPort}`
      return {
        seed: options.seed,
        shoot: (file) => {
          const [link] = file.links
          return options.shoot({ ...file, links: [{ ...link, peer: { ...link.peer, endpoint } }] })
        },
      }
    })
    await moveOutsideToIpv6(pair.landscape)
    await pair.seed.start()
    await pair.shoot.start()
    await pair.connected()
  })
  afterAll(() => pair[Symbol.asyncDispose]())

  const ends = () => [pair.seed, pair.shoot]
  const connect = (bytes: number) => pair.connect(places.podAddress, places.echoPort, bytes)

  it('carries by UDP, in full packets', async () => {
    await untilTransport(ends(), 'udp')
    expect((await pair.shoot.link()).endpoint).toBe(`[${outerDoorAddress}]:${places.doorPort}`)
    expect(await connect(20_000_000)).toMatchObject({ bytes: 20_000_000 })
    for (const end of ends()) expect((await end.link()).mtu).toBe(1420)
  })

  it('goes inside TLS while UDP is blocked, and back without a loss', async () => {
    const stream = openStream(pair.seed.namespace)
    await stream.sinceLast()
    await blockUdp(pair.landscape)
    await untilTransport(ends(), 'tls')
    expect((await stream.sinceLast()).longestGapMilliseconds).toBeLessThan(never)
    expect(await connect(20_000_000)).toMatchObject({ bytes: 20_000_000 })
    await allowUdp(pair.landscape)
    await untilTransport(ends(), 'udp')
    expect((await stream.sinceLast()).lost).toBe(0)
  })

  it('finds how large packets may be where nobody says so', async () => {
    const { door } = pair.landscape
    for (const side of ['seed', 'shoot']) await door.run('ip', 'link', 'set', 'dev', side, 'mtu', String(narrow))
    const silent = `table ip6 silent {
      chain output {
        type filter hook output priority 0
        icmpv6 type packet-too-big drop
      }
    }`
    await door.feed(silent, 'nft', '-f', '-')
    for (const end of ends()) {
      const found = async () => {
        const { mtu } = await end.link()
        return mtu <= narrow - overhead && mtu > narrow - overhead - 40 ? mtu : undefined
      }
      await eventually(`the size at the ${end.label}`, found, 60_000)
    }
    expect(await connect(20_000_000)).toMatchObject({ bytes: 20_000_000 })
  })
})
