import { leases } from '@trellis/api/core/lease'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { withStateLock } from './state-lock.ts'

const key = { namespace: 'shoot--local--first', name: 'state' }

function begin() {
  const clock = createVirtualClock()
  const random = createSeededRandom('lock')
  const client = createFakeClient({ clock, random })
  const stop = new AbortController()
  const run = <Value>(identity: string, work: (signal: AbortSignal) => Promise<Value>) => {
    const end = withStateLock(
      {
        client,
        clock,
        random: random.child(identity),
        log: createSilentLog(),
        key,
        identity,
        patienceMilliseconds: 60_000,
        signal: stop.signal,
      },
      work,
    )
    end.catch(() => {})
    return end
  }
  return { clock, client, run, stop }
}

/** A work that ends when it is told to. */
function held() {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  return { work: () => promise, resolve, reject }
}

describe('the lock of a state', () => {
  it('is there while a run works, and gone afterwards', async () => {
    const { clock, client, run } = begin()
    const first = held()
    const end = run('one', first.work)
    await clock.advance(0)
    expect((await client.get(leases, key)).spec?.holderIdentity).toBe('one')
    first.resolve('done')
    await clock.advance(0)
    expect(await end).toBe('done')
    expect((await client.get(leases, key)).spec?.holderIdentity).toBeUndefined()
  })

  it('lets the next run work as soon as this one has ended', async () => {
    const { clock, run } = begin()
    const first = held()
    void run('one', first.work)
    await clock.advance(0)
    const order: string[] = []
    const second = run('two', async () => order.push('two'))
    await clock.advance(30_000)
    expect(order).toEqual([])
    first.resolve('done')
    await clock.advance(5000)
    await second
    expect(order).toEqual(['two'])
  })

  it('refuses with the name of the holder when patience ends', async () => {
    const { clock, run } = begin()
    void run('one', held().work)
    await clock.advance(0)
    const second = run('two', async () => 'never')
    await clock.advance(61_000)
    await expect(second).rejects.toMatchObject({
      kind: 'Conflict',
      message: 'another run (one) works on the infrastructure',
    })
  })

  it('outlives patience once it is held', async () => {
    const { clock, run } = begin()
    const first = held()
    const end = run('one', first.work)
    await clock.advance(600_000)
    first.resolve('late')
    await clock.advance(0)
    expect(await end).toBe('late')
  })

  it('passes on what the work threw, and is given back', async () => {
    const { clock, run } = begin()
    const first = held()
    const end = run('one', first.work)
    await clock.advance(0)
    first.reject(new Failure('Exhausted', 'no more networks'))
    await clock.advance(0)
    await expect(end).rejects.toMatchObject({ kind: 'Exhausted' })
    const second = run('two', async () => 'done')
    await clock.advance(0)
    expect(await second).toBe('done')
  })

  it('calls the work off when somebody takes it', async () => {
    const { clock, client, run } = begin()
    let seen: AbortSignal | undefined
    const end = run('one', (signal) => {
      seen = signal
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    await clock.advance(0)
    const lease = await client.get(leases, key)
    await client.replace(leases, { ...lease, spec: { ...lease.spec, holderIdentity: 'thief' } })
    await clock.advance(5000)
    expect(seen?.aborted).toBe(true)
    await expect(end).rejects.toMatchObject({ kind: 'Conflict' })
    expect((await client.get(leases, key)).spec?.holderIdentity).toBe('thief')
  })

  it('says what is missing when the API server refuses the Lease', async () => {
    const { clock, client, run } = begin()
    client.onCall(({ method, target }) => {
      if (method === 'create' && target === 'leases') throw new Failure('NotFound', 'namespaces "x" not found')
    })
    const end = run('one', async () => 'never')
    await clock.advance(61_000)
    await expect(end).rejects.toMatchObject({
      kind: 'Unavailable',
      remedy: 'see whether namespace shoot--local--first exists',
    })
  })

  it('is not waited for once the caller has stopped', async () => {
    const { clock, run, stop } = begin()
    void run('one', held().work)
    await clock.advance(0)
    const second = run('two', async () => 'never')
    stop.abort(new Failure('Unavailable', 'the process ends'))
    await clock.advance(5000)
    await expect(second).rejects.toThrowError('the process ends')
    await expect(run('three', async () => 'never')).rejects.toThrowError('the process ends')
  })
})
