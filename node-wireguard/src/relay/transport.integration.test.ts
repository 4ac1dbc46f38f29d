import { createSystemClock } from '@trellis/foundation/clock'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { openLaboratory } from '../../testing/namespaces.ts'
import { never } from '../../testing/never.ts'
import { openRelayedLink, type RelayedLink } from '../../testing/relayed-link.ts'

const clock = createSystemClock()

async function untilStreamed({ streamed }: RelayedLink, bytes: number): Promise<void> {
  const before = streamed()
  await eventually('the stream', () => streamed() > before + bytes || undefined)
}

describe('a link whose UDP is blocked', () => {
  it('goes over TLS, and comes back without losing a packet', async () => {
    await using laboratory = openLaboratory()
    const link = await openRelayedLink(laboratory)
    expect(link.transport.status()).toMatchObject({ way: 'udp', relay: undefined })

    const blockedAt = clock.now()
    await link.blockUdp('to near')
    await link.untilWay('tls')
    const first = await link.answerAfter(blockedAt + 1000)
    expect(first.at - blockedAt).toBeLessThan(never)
    await untilStreamed(link, 200_000)

    const took = { toTls: first.at - blockedAt, toUdp: 0, toTheEndOfTheRelay: 0 }
    const lost = await link.lostDuring(async () => {
      await link.allowUdp()
      took.toUdp = await link.untilWay('returning')
      took.toTheEndOfTheRelay = await link.untilWay('udp')
    })
    process.stdout.write(`${JSON.stringify({ transportMilliseconds: took, lost: lost.length })}\n`)
    expect(lost).toEqual([])
    await eventually('the end of the relay', () => link.transport.status().relay === undefined || undefined)
    await untilStreamed(link, 200_000)
    expect(link.streamProblems).toEqual([])
  })

  it('is found again within seconds when the relay of either end is killed', async () => {
    await using laboratory = openLaboratory()
    const link = await openRelayedLink(laboratory)
    await link.blockUdp('both')
    await link.untilWay('tls')
    for (const end of ['near', 'far'] as const) {
      await untilStreamed(link, 100_000)
      const killedAt = clock.now()
      const killed = link.killRelay(end)
      await eventually('another relay', () => link.relayProcess(end) !== killed || undefined)
      const { at } = await link.answerAfter(clock.now())
      expect(at - killedAt).toBeLessThan(never)
    }
    expect(link.transport.status().way).toBe('tls')
    expect(link.streamProblems).toEqual([])
  })

  it('stays with TLS when UDP passes in one direction only, and loses little by trying', async () => {
    await using laboratory = openLaboratory()
    const link = await openRelayedLink(laboratory)
    await link.blockUdp('to far')
    await link.untilWay('tls')
    await untilStreamed(link, 100_000)
    const lost = await link.lostDuring(() => clock.sleep(6500))
    process.stdout.write(`${JSON.stringify({ lostByTrying: lost.length })}\n`)
    // Three tries, each of which costs the answers until the next packet from here; without TLS in between all 650 would be lost.
    expect(lost.length).toBeLessThan(150)
    expect(link.transport.status().way).toBe('tls')
  })
})
