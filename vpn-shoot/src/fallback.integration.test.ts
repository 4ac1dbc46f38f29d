import { places } from 'node-wireguard/testing/landscape'
import { never } from 'node-wireguard/testing/never'
import { expect, it } from 'vitest'
import {
  allowUdp,
  blockUdp,
  fallbackFields,
  openTlsDoor,
  pairWithFallback,
  untilTransport,
} from '../testing/fallback.ts'
import { openPair } from '../testing/pair.ts'
import { openStream } from '../testing/stream.ts'

it('goes inside TLS by port 443 while UDP is blocked, also from the start, and back without a loss', async () => {
  await using pair = await openPair(async ({ laboratory }) => pairWithFallback(await fallbackFields(laboratory)))
  const { landscape } = pair
  const transports = (wanted: 'udp' | 'tls') => untilTransport([pair.seed, pair.shoot], wanted)
  await openTlsDoor(landscape)
  await blockUdp(landscape)
  await pair.seed.start()
  await pair.shoot.start()
  await transports('tls')
  await pair.connected()
  const stream = openStream(pair.seed.namespace)
  await stream.sinceLast()

  await allowUdp(landscape)
  await transports('udp')
  const back = await stream.sinceLast()
  await blockUdp(landscape)
  await transports('tls')
  const away = await stream.sinceLast()
  expect(await pair.connect(places.podAddress, places.echoPort, 20_000_000)).toMatchObject({ bytes: 20_000_000 })
  await allowUdp(landscape)
  await transports('udp')
  const backAgain = await stream.sinceLast()
  process.stdout.write(`${JSON.stringify({ fallback: { back, away, backAgain } })}\n`)
  expect(back.lost).toBe(0)
  expect(backAgain.lost).toBe(0)
  expect(away.longestGapMilliseconds).toBeLessThan(never)
  const { body } = await pair.shoot.get('/metrics')
  expect(body).toMatch(/^trellis_vpn_link_transport\{link="\w+",peer="\w+",transport="udp"\} 1$/m)
})
