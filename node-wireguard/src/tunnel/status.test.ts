import { describe, expect, it } from 'vitest'
import type { LinkStatus } from './link/link-status.ts'
import { statusOf } from './status.ts'

const base: LinkStatus = {
  ...{ interface: 'wg0', peer: 'far', implementation: 'userspace', role: 'dialer', publicKey: 'a', peerPublicKey: 'b' },
  ...{ endpoint: undefined, transport: 'udp', configured: true, up: true, carries: true, outgoing: false },
  ...{ reason: 'connected', explanation: 'the other end answers', lastHandshake: undefined, rxBytes: 0, txBytes: 0 },
  ...{ rttMilliseconds: 1, lossRatio: 0, mtu: 1420, outages: 0, repairs: 0, restarts: 0 },
}
const down: Partial<LinkStatus> = { up: false, reason: 'no-answer', explanation: 'nothing comes back' }
const status = (links: readonly LinkStatus[], hostProblem?: string) =>
  statusOf({ name: 'trellis', tunnelAddresses: ['192.168.123.1'], hostProblem, links, switches: 3 })

describe('the status of a tunnel', () => {
  it('is up when whatever carries answers, though another link does not', () => {
    const standby: LinkStatus = { ...base, ...down, interface: 'wg1', carries: false }
    expect(status([base, standby])).toMatchObject({ up: true, linksUp: 1, reason: 'connected', switches: 3 })
  })

  it('is down when one of those that carry does not answer, and says why', () => {
    const other: LinkStatus = { ...base, ...down, interface: 'wg1' }
    expect(status([base, other])).toMatchObject({ up: false, linksUp: 1, reason: 'no-answer' })
  })

  it('is down when nothing answers, or nothing carries', () => {
    expect(status([{ ...base, ...down }])).toMatchObject({ up: false, linksUp: 0, configured: true })
    expect(status([{ ...base, carries: false }])).toMatchObject({ up: false })
  })

  it('is not configured when the host is not, or no device is, or there is no link', () => {
    expect(status([base], 'nft is missing')).toMatchObject({ configured: false, up: false, reason: 'not-configured' })
    expect(status([base], 'nft is missing').explanation).toContain('nft is missing')
    expect(status([{ ...base, configured: false }])).toMatchObject({ configured: false, up: false })
    expect(status([])).toMatchObject({ configured: false, up: false, reason: 'not-configured' })
  })
})
