import { configMaps } from '@trellis/api/core/configuration'
import { readTunnelReports, tunnelReportPlace } from '@trellis/api/tunnel-report'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog, type Log } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import type { LinkStatus } from 'node-wireguard/tunnel/link/link-status'
import type { TunnelStatus } from 'node-wireguard/tunnel/status'
import { describe, expect, it } from 'vitest'
import { reportParser } from './configuration.ts'
import { isDue, runReporter, type TunnelView, viewOf } from './reporter.ts'

const up: TunnelView = { up: true, reason: 'connected', explanation: 'the other end answers' }
const down: TunnelView = { up: false, reason: 'no-answer', explanation: 'nothing comes back' }

async function start(log: Log = createSilentLog()) {
  const clock = createVirtualClock()
  const client = createFakeClient({ clock, random: createSeededRandom('report') })
  await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: tunnelReportPlace })
  const stop = new AbortController()
  const seen: { view: TunnelView | undefined } = { view: undefined }
  const running = runReporter({ clock, log, client, end: 'vpn-shoot', look: async () => seen.view }, stop.signal)
  const report = async () =>
    readTunnelReports((await client.get(configMaps, tunnelReportPlace)).data ?? {}).get('vpn-shoot')
  const writes = () => client.calls.filter(({ method }) => method === 'patch').length
  const end = async () => {
    stop.abort()
    await running
  }
  return { clock, client, seen, report, writes, end }
}

describe('the report of the tunnel', () => {
  it('tells nothing while nothing is known, then what is, and then what changes', async () => {
    const { clock, seen, report, writes, end } = await start()
    await clock.advance(10_000)
    expect(writes()).toBe(0)
    seen.view = up
    await clock.advance(2_000)
    expect(await report()).toMatchObject(up)
    seen.view = down
    await clock.advance(2_000)
    expect(await report()).toMatchObject(down)
    expect(writes()).toBe(2)
    await end()
  })

  it('is renewed every minute, so that its age means something', async () => {
    const { clock, seen, report, writes, end } = await start()
    seen.view = up
    await clock.advance(10 * 60_000)
    expect(writes()).toBeGreaterThanOrEqual(10)
    expect(writes()).toBeLessThanOrEqual(11)
    expect(Date.parse((await report())?.reportedAt ?? '')).toBeGreaterThan(clock.now() - 62_000)
    await end()
  })

  it('outlives an API server that is away, and complains once', async () => {
    const complaints: object[] = []
    const log = { ...createSilentLog(), warn: (fields: object) => void complaints.push(fields) }
    const { clock, client, seen, report, end } = await start(log)
    const away = client.onCall(({ method }) => {
      if (method === 'patch') throw new Failure('Unavailable', 'the API server is away')
    })
    seen.view = down
    await clock.advance(60_000)
    expect(complaints).toEqual([{ problem: 'the API server is away' }])
    away()
    await clock.advance(10_000)
    expect(await report()).toMatchObject(down)
    await end()
  })

  it.each([
    ['never written', up, undefined, true],
    ['just written', up, { view: up, at: 1_000_000 }, false],
    ['said in other words', { ...up, explanation: 'in 3 ms' }, { view: up, at: 1_000_000 }, false],
    ['for another reason', { ...down, reason: 'endpoint-unknown' }, { view: down, at: 1_000_000 }, true],
    ['old', up, { view: up, at: 940_000 }, true],
    [
      'with another end known',
      { ...up, peers: { a: true, b: false } },
      { view: { ...up, peers: { a: true } }, at: 1_000_000 },
      true,
    ],
    [
      'with the same ends',
      { ...up, peers: { a: true } },
      { view: { ...up, peers: { a: true } }, at: 1_000_000 },
      false,
    ],
  ])('is due or not: %s', (_what, view, written, due) => {
    expect(isDue(view, written, 1_000_000)).toBe(due)
  })

  it('tells of each other end whether some link to it answers, and of none that is on its way out', () => {
    const link = (peer: string, up: boolean, outgoing = false) => ({ peer, up, outgoing }) as LinkStatus
    const links = [link('b', false), link('a', true), link('a', false), link('gone', true, true)]
    const status = { ...up, links, name: 'vpn-shoot', explanation: 'well' } as unknown as TunnelStatus
    expect(viewOf(status)).toEqual({ up: true, reason: 'connected', explanation: 'well', peers: { a: true, b: false } })
  })

  it('refuses a configuration that would send the token in the clear', () => {
    const file = { server: 'http://198.18.0.10:6443', certificateAuthorityFile: '/ca', tokenFile: '/token', end: 'a' }
    expect(() => reportParser.parse(file)).toThrow(expect.objectContaining({ field: 'server' }))
  })

  it('leaves out of the reports what cannot be read', () => {
    const good = JSON.stringify({ ...up, reportedAt: '2026-01-01T00:00:00Z' })
    expect([...readTunnelReports({ a: '{', b: '{}', c: good }).keys()]).toEqual(['c'])
  })
})
