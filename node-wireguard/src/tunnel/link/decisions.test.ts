import { createSilentLog } from '@trellis/foundation/log'
import { describe, expect, it } from 'vitest'
import { parseCidr, parseIpAddress } from '../../address.ts'
import type { PeerState } from '../../device.ts'
import { parsePublicKey } from '../../key.ts'
import { unknownPath } from '../../path/state.ts'
import { diagnose, type Evidence } from './diagnosis.ts'
import { createDial } from './dial.ts'
import { nothingObserved, observe } from './observation.ts'
import { newPortDue, repairDue } from './repair.ts'

describe('the diagnosis of a tunnel', () => {
  const silent: Evidence = {
    problem: undefined,
    pathUp: false,
    role: 'listener',
    endpointKnown: false,
    receivedBytesSinceUp: 0,
    handshakeSinceUp: false,
  }

  it.each<[string, Partial<Evidence>]>([
    ['connected', { pathUp: true }],
    ['not-configured', { problem: 'no interface', pathUp: true }],
    ['waiting-for-peer', {}],
    ['handshake-incomplete', { receivedBytesSinceUp: 148 }],
    ['probes-unanswered', { receivedBytesSinceUp: 148, handshakeSinceUp: true }],
    ['endpoint-unknown', { role: 'dialer' }],
    ['no-answer', { role: 'dialer', endpointKnown: true }],
    ['probes-unanswered', { role: 'dialer', endpointKnown: true, handshakeSinceUp: true }],
  ])('is %s for %j', (reason, evidence) => {
    expect(diagnose({ ...silent, ...evidence }).reason).toBe(reason)
  })

  it('tells what is not configured', () => {
    expect(diagnose({ ...silent, problem: 'no interface' }).explanation).toContain('no interface')
  })
})

describe('what is observed of the peer', () => {
  const peer: PeerState = {
    publicKey: parsePublicKey('07'.repeat(32)),
    persistentKeepaliveSeconds: 0,
    allowedAddresses: [],
    receivedBytes: 100,
    sentBytes: 50,
    latestHandshake: 1000,
    endpoint: { host: parseIpAddress('192.0.2.1'), port: 1 },
  }

  it('adds up over a device that begins anew, and remembers what it forgot', () => {
    const first = observe(nothingObserved, peer, true)
    const { endpoint: _, latestHandshake: __, ...forgotten } = peer
    const again = observe(first, { ...forgotten, receivedBytes: 30, sentBytes: 60 }, true)
    expect(again).toMatchObject({ receivedBytes: 130, sentBytes: 60, latestHandshake: 1000, endpoint: peer.endpoint })
    expect(observe(again, undefined, true)).toMatchObject({ receivedBytes: 130, sentBytes: 60 })
  })

  it('marks where it stood when the path went down', () => {
    const up = observe(nothingObserved, peer, true)
    expect(up.sinceDown).toBeUndefined()
    const down = observe(up, { ...peer, receivedBytes: 120 }, false)
    expect(down.sinceDown).toEqual({ receivedBytes: 120, latestHandshake: 1000 })
    expect(observe(down, { ...peer, receivedBytes: 500 }, false).sinceDown).toEqual(down.sinceDown)
  })
})

describe('repair', () => {
  const now = 100_000
  const silentFor = (milliseconds: number) => ({
    ...unknownPath,
    silence: { since: now - milliseconds, questions: 9 },
  })

  it.each([
    [999, undefined, false],
    [1000, undefined, true],
    [5000, 99_500, false],
    [5000, 99_000, true],
  ])('after %i ms of silence, last at %j: %j', (silence, lastRepair, due) => {
    expect(repairDue(silentFor(silence), lastRepair, now, 500)).toBe(due)
  })

  it('is not due while the path counts as up', () => {
    expect(repairDue({ ...silentFor(3000), up: true }, undefined, now, 500)).toBe(false)
  })

  it('leaves by a new port every third time', () => {
    expect([1, 2, 3, 4, 5, 6].map(newPortDue)).toEqual([false, false, true, false, false, true])
  })

  it('leaves slow paths more time', () => {
    expect(repairDue(silentFor(9000), 97_000, now, 2000)).toBe(false)
  })
})

describe('the name that is dialled', () => {
  const log = createSilentLog()

  it('turns through its addresses and follows the name', async () => {
    let addresses = ['192.0.2.1', '192.0.2.2']
    const dial = createDial({ host: 'door', port: 7 }, [], async () => addresses, log)
    expect(dial.current()).toBeUndefined()
    await dial.refresh()
    expect(dial.current()).toEqual({ host: '192.0.2.1', port: 7 })
    dial.next()
    expect(dial.current()?.host).toBe('192.0.2.2')
    addresses = ['192.0.2.9']
    await dial.refresh()
    dial.next()
    await dial.refresh()
    expect(dial.current()?.host).toBe('192.0.2.9')
  })

  it('keeps what it knew while the name does not resolve', async () => {
    let broken = false
    const resolve = async () => {
      if (broken) throw new TypeError('no server')
      return ['192.0.2.1']
    }
    const dial = createDial({ host: 'door', port: 7 }, [], resolve, log)
    await dial.refresh()
    broken = true
    await dial.refresh()
    expect(dial.current()?.host).toBe('192.0.2.1')
  })

  it('never leads the tunnel into itself', async () => {
    const dial = createDial({ host: 'door', port: 7 }, [parseCidr('10.0.0.0/8')], async () => ['10.1.1.1'], log)
    await dial.refresh()
    expect(dial.current()).toBeUndefined()
  })
})
