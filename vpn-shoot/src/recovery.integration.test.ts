import { eventually } from 'node-wireguard/testing/eventually'
import { never } from 'node-wireguard/testing/never'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { End } from '../testing/end.ts'
import { openPair, type Pair } from '../testing/pair.ts'
import { openStream, type Stream } from '../testing/stream.ts'

describe('an outage', () => {
  let pair: Pair
  let stream: Stream

  beforeAll(async () => {
    pair = await openPair()
    await pair.seed.start()
    await pair.shoot.start()
    await pair.connected()
    stream = await openStream(pair.seed.namespace)
  })

  afterAll(async () => {
    await pair[Symbol.asyncDispose]()
  })

  /** Does harm, waits until the tunnel has recovered and says how long nothing came through. */
  async function outage(harm: () => Promise<void>): Promise<number> {
    await stream.sinceLast()
    await harm()
    const { longestGapMilliseconds: gap } = await stream.sinceLast()
    await pair.connected()
    return gap
  }

  it.each(['seed', 'shoot'] as const)('is short when wireguard-go is killed on the %s', async (label) => {
    const end = pair[label]
    const before = (await end.link()).restarts
    const gap = await outage(() => end.killWireGuardGo())
    report(`wireguard-go on the ${label}`, gap)
    expect(gap).toBeLessThan(never)
    expect((await end.link()).restarts).toBe(before + 1)
  })

  it.each(['seed', 'shoot'] as const)('is short when the whole %s dies and starts again', async (label) => {
    const end = pair[label]
    let away = 0
    const gap = await outage(async () => {
      const killedAt = performance.now()
      await end.killContainer()
      await end.start()
      await ready(end)
      away = performance.now() - killedAt
    })
    report(`the whole ${label}, away for ${Math.round(away)} ms`, gap)
    // How long a program takes to start is the machine's affair; how long the tunnel takes to be found again is ours.
    expect(gap - away).toBeLessThan(never)
  })

  it('ends when the front door leads elsewhere, though it still sends old flows where nobody is', async () => {
    const { door } = pair.landscape
    const target = (address: string) =>
      door.feed(
        `flush chain ip front prerouting
         add rule ip front prerouting ip daddr 198.18.0.10 udp dport 51820 dnat to ${address}:51820\n`,
        'nft',
        '-f',
        '-',
      )
    const gap = await outage(async () => {
      await target('10.1.0.99')
      await door.run('conntrack', '--flush')
      await eventually('the outage', async () => ((await pair.shoot.status()).up ? undefined : true))
      await target('10.1.0.2')
    })
    report('the flow through the front door', gap)
    expect(gap).toBeLessThan(never)
  })

  it.each(['seed', 'shoot'] as const)('does not happen when only our program is killed on the %s', async (label) => {
    const end = pair[label]
    const gap = await outage(async () => {
      await end.killProgram()
      await end.start()
      await ready(end)
    })
    report(`our program on the ${label}`, gap)
    expect(gap).toBeLessThan(never)
    // The process that was taken over is supervised like any other.
    const again = await outage(() => end.killWireGuardGo())
    report(`the adopted wireguard-go on the ${label}`, again)
    expect(again).toBeLessThan(never)
    expect((await end.link()).restarts).toBe(1)
  })
})

async function ready(end: End): Promise<void> {
  await eventually('readiness', async () => ((await end.get('/healthz')).code === 200 ? true : undefined))
}

function report(what: string, gapMilliseconds: number): void {
  process.stdout.write(`${JSON.stringify({ killed: what, outageMilliseconds: Math.round(gapMilliseconds) })}\n`)
}
