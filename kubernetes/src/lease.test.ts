import { leases } from '@trellis/api/core/lease'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createFakeClient } from '../testing/fake-client.ts'
import { runWithLease } from './lease.ts'

function begin() {
  const clock = createVirtualClock()
  const random = createSeededRandom('lease')
  const client = createFakeClient({ clock, random })
  const key = { namespace: 'system', name: 'controller' }
  const candidate = (identity: string) => {
    const stop = new AbortController()
    const state = { working: false, times: 0 }
    const end = runWithLease({
      client,
      clock,
      random: random.child(identity),
      log: createSilentLog(),
      ...key,
      identity,
      signal: stop.signal,
      work: (signal) => {
        state.working = true
        state.times += 1
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            state.working = false
            resolve()
          }),
        )
      },
    })
    end.catch(() => {})
    return { stop, state, end }
  }
  const lease = () => client.get(leases, key)
  return { clock, client, candidate, lease }
}

describe('lease', () => {
  it('is obtained and renewed', async () => {
    const { clock, candidate, lease } = begin()
    const { stop, state, end } = candidate('a')
    await clock.advance(0)
    expect(state.working).toBe(true)
    const first = await lease()
    expect(first.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 })
    expect(first.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    await clock.advance(60_000)
    expect(state).toEqual({ working: true, times: 1 })
    expect((await lease()).spec?.renewTime).not.toBe(first.spec?.renewTime)
    stop.abort()
    await clock.advance(0)
    await end
  })

  it('is given back when the holder stops, and taken at once', async () => {
    const { clock, candidate, lease } = begin()
    const first = candidate('a')
    await clock.advance(0)
    const second = candidate('b')
    await clock.advance(60_000)
    expect([first.state.working, second.state.working]).toEqual([true, false])
    first.stop.abort()
    await clock.advance(0)
    await first.end
    expect((await lease()).spec?.holderIdentity).toBeUndefined()
    await clock.advance(2_500)
    expect(second.state.working).toBe(true)
    expect((await lease()).spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })
  })

  it('is not taken before it has been seen unchanged for its duration', async () => {
    const { clock, client, candidate } = begin()
    await client.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'system', name: 'controller' },
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2000-01-01T00:00:00.000000Z' },
    })
    const { state } = candidate('a')
    await clock.advance(14_900)
    expect(state.working).toBe(false)
    await clock.advance(2_600)
    expect(state.working).toBe(true)
  })

  it('is lost when it cannot be renewed in time, before others may take it', async () => {
    const { clock, client, candidate } = begin()
    const first = candidate('a')
    const second = candidate('b')
    await clock.advance(10_000)
    const [holder, other] = first.state.working ? [first, second] : [second, first]
    const stop = client.onCall(() => {
      throw new Failure('Unavailable', 'the API server is away')
    })
    await clock.advance(7_000)
    expect(holder.state.working).toBe(true)
    await clock.advance(5_000)
    expect(holder.state.working).toBe(false)
    await expect(holder.end).rejects.toMatchObject({ kind: 'Conflict' })
    expect(other.state.working).toBe(false)
    stop()
    await clock.advance(20_000)
    expect(other.state.working).toBe(true)
  })

  it('is lost when the server never answers', async () => {
    const { clock, client, candidate } = begin()
    const { state, end } = candidate('a')
    await clock.advance(0)
    client.onCall(() => new Promise(() => {}))
    await clock.advance(12_100)
    expect(state.working).toBe(false)
    await expect(end).rejects.toMatchObject({ kind: 'Conflict' })
  })

  it('is lost at once when somebody else holds it', async () => {
    const { clock, client, candidate, lease } = begin()
    const { state, end } = candidate('a')
    await clock.advance(0)
    const taken = await lease()
    await client.replace(leases, { ...taken, spec: { ...taken.spec, holderIdentity: 'thief' } })
    await clock.advance(2_000)
    expect(state.working).toBe(false)
    await expect(end).rejects.toThrow('somebody else')
    expect((await lease()).spec?.holderIdentity).toBe('thief')
  })

  it('survives faults that pass before the deadline', async () => {
    const { clock, client, candidate } = begin()
    const { state } = candidate('a')
    await clock.advance(0)
    const stop = client.onCall(() => {
      throw new Failure('Unavailable', 'the API server is away')
    })
    await clock.advance(8_000)
    stop()
    await clock.advance(60_000)
    expect(state).toEqual({ working: true, times: 1 })
  })

  it('never lets two work at once, whatever fails', async () => {
    const { clock, client, candidate } = begin()
    const random = createSeededRandom('chaos')
    client.onCall(async () => {
      if (random.integer(10) < 4) throw new Failure('Unavailable', 'chaos')
      await clock.sleep(random.integer(3_000))
    })
    const all = ['a', 'b', 'c'].map(candidate)
    let worked = 0
    for (let second = 0; second < 600; second++) {
      await clock.advance(1_000)
      const working = all.filter(({ state }) => state.working).length
      expect(working).toBeLessThanOrEqual(1)
      worked += working
    }
    expect(worked).toBeGreaterThan(0)
  })

  it('ends with the work, and passes on its error', async () => {
    const { clock, client, lease } = begin()
    const options = {
      client,
      clock,
      random: createSeededRandom('x'),
      log: createSilentLog(),
      namespace: 'system',
      name: 'controller',
      identity: 'a',
      signal: new AbortController().signal,
    }
    await runWithLease({ ...options, work: async () => {} })
    expect((await lease()).spec?.holderIdentity).toBeUndefined()
    await expect(
      runWithLease({ ...options, work: () => Promise.reject(new Failure('Invalid', 'broken')) }),
    ).rejects.toThrow('broken')
    expect((await lease()).spec?.holderIdentity).toBeUndefined()
  })

  it('refuses periods that cannot work', async () => {
    const { client, clock } = begin()
    const options = {
      client,
      clock,
      random: createSeededRandom('x'),
      log: createSilentLog(),
      namespace: 'system',
      name: 'controller',
      identity: 'a',
      signal: new AbortController().signal,
      work: async () => {},
    }
    await expect(runWithLease({ ...options, renewDeadlineSeconds: 15 })).rejects.toMatchObject({
      field: 'renewDeadlineSeconds',
    })
    await expect(runWithLease({ ...options, retryPeriodSeconds: 9 })).rejects.toMatchObject({
      field: 'retryPeriodSeconds',
    })
  })
})
