import { eventually } from 'node-wireguard/testing/eventually'
import { places } from 'node-wireguard/testing/landscape'
import { expect, it } from 'vitest'
import { openPair } from '../testing/pair.ts'

/** What a narrow part of the way carries, without telling anybody about what it does not. */
const narrow = 1300
/** Headers of IPv4, UDP and WireGuard. */
const overhead = 60

it('finds how large packets may be where nobody says so, in both directions', async () => {
  await using pair = await openPair()
  const { door } = pair.landscape
  for (const side of ['seed', 'shoot']) await door.run('ip', 'link', 'set', 'dev', side, 'mtu', String(narrow))
  await door.feed(
    'table ip silent { chain output { type filter hook output priority 0; icmp type destination-unreachable drop; }; }\n',
    ...(['nft', '-f', '-'] as const),
  )
  await pair.seed.start()
  await pair.shoot.start()
  await pair.connected()
  for (const end of [pair.seed, pair.shoot]) {
    // It is found step by step, from below.
    await eventually(
      `the size at the ${end.label}`,
      async () => {
        const { mtu } = await end.link()
        return mtu <= narrow - overhead && mtu > narrow - overhead - 40 ? mtu : undefined
      },
      30_000,
    )
  }
  const bytes = 20_000_000
  expect(await pair.connect(places.podAddress, places.echoPort, bytes)).toMatchObject({ bytes })
  // A wider way is found too: where a repair begins a new search, or in its own time.
  for (const side of ['seed', 'shoot']) await door.run('ip', 'link', 'set', 'dev', side, 'mtu', '1500')
  await pair.shoot.killWireGuardGo()
  await eventually('the usual size', async () => ((await pair.shoot.link()).mtu === 1420 ? true : undefined), 60_000)
})
