import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import type { Driver } from './driver.ts'
import { carries, ownershipTags } from './tags.ts'
import { withLimit } from './with-limit.ts'
import { withMetrics } from './with-metrics.ts'
import { withRetry } from './with-retry.ts'

const settings = { providerSpec: {}, secret: {} }
const request = { ...settings, machineName: 'a' }

/** A driver of which only list and status do anything. */
function driverWith(list: () => Promise<ReadonlyMap<string, string>>, status: () => Promise<never> = never): Driver {
  return {
    provider: 'test',
    createMachine: never,
    initializeMachine: never,
    deleteMachine: never,
    getMachineStatus: status,
    listMachines: list,
  }
}

async function never(): Promise<never> {
  throw new Failure('Unimplemented', 'not in this test')
}

describe('withRetry', () => {
  it('repeats what may pass and gives the answer', async () => {
    const clock = createVirtualClock()
    let calls = 0
    const driver = withRetry(
      { clock, random: createSeededRandom('retry') },
      driverWith(async () => {
        calls++
        if (calls < 3) throw new Failure(calls === 1 ? 'Throttled' : 'Unavailable', 'not now')
        return new Map([['id', 'a']])
      }),
    )
    const answer = driver.listMachines(settings)
    await clock.advance(5000)
    expect([...(await answer)]).toEqual([['id', 'a']])
    expect(calls).toBe(3)
  })

  it.each([
    { kind: 'Exhausted' as const, reason: 'a shortage is not a hiccup' },
    { kind: 'Forbidden' as const, reason: 'the right is not there a second later' },
    { kind: 'Invalid' as const, reason: 'it can never work' },
  ])('does not repeat a status that is $kind: $reason', async ({ kind }) => {
    let calls = 0
    const driver = withRetry(
      { clock: createVirtualClock(), random: createSeededRandom('retry') },
      driverWith(never, async () => {
        calls++
        throw new Failure(kind, 'no')
      }),
    )
    await expect(driver.getMachineStatus(request)).rejects.toMatchObject({ kind })
    expect(calls).toBe(1)
  })

  it('gives up with the last error when the deadline has passed', async () => {
    const clock = createVirtualClock()
    const driver = withRetry(
      { clock, random: createSeededRandom('retry') },
      driverWith(() => Promise.reject(new Failure('Unavailable', 'down'))),
    )
    const outcome = driver.listMachines(settings).catch((error: unknown) => error)
    await clock.advance(20_000)
    expect(await outcome).toMatchObject({ kind: 'Unavailable', message: 'down' })
    expect(clock.pending()).toEqual([])
  })
})

describe('withLimit', () => {
  it('never has more calls under way than it may, and serves in order', async () => {
    const clock = createVirtualClock()
    const began: number[] = []
    let under = 0
    let most = 0
    const driver = withLimit(
      { clock },
      driverWith(async () => {
        most = Math.max(most, ++under)
        began.push(clock.now())
        await clock.sleep(100)
        under--
        return new Map()
      }),
      { concurrency: 2, perSecond: 1000, burst: 100 },
    )
    const all = Promise.all(Array.from({ length: 6 }, () => driver.listMachines(settings)))
    await clock.advance(400)
    await all
    expect(most).toBe(2)
    expect(began.map((at) => at - (began[0] ?? 0))).toEqual([0, 0, 100, 100, 200, 200])
  })

  it('begins calls no faster than the bucket fills', async () => {
    const clock = createVirtualClock()
    const began: number[] = []
    const driver = withLimit(
      { clock },
      driverWith(async () => {
        began.push(clock.now())
        return new Map()
      }),
      { concurrency: 10, perSecond: 10, burst: 2 },
    )
    const all = Promise.all(Array.from({ length: 5 }, () => driver.listMachines(settings)))
    await clock.advance(1000)
    await all
    expect(began.map((at) => at - (began[0] ?? 0))).toEqual([0, 0, 100, 200, 300])
  })

  it('lets a waiting caller go when it is told to, and gives its place to the next', async () => {
    const clock = createVirtualClock()
    const driver = withLimit(
      { clock },
      driverWith(async () => {
        await clock.sleep(100)
        return new Map()
      }),
      { concurrency: 1, perSecond: 1000, burst: 10 },
    )
    const first = driver.listMachines(settings)
    const stop = new AbortController()
    const second = driver.listMachines(settings, { signal: stop.signal }).catch((error: unknown) => error)
    const third = driver.listMachines(settings)
    stop.abort('enough')
    expect(await second).toBe('enough')
    await clock.advance(250)
    await Promise.all([first, third])
    expect(clock.pending()).toEqual([])
  })
})

describe('withMetrics', () => {
  it('counts calls and failures under the names of old', async () => {
    const registry = new Registry()
    const driver = withMetrics(
      { clock: createVirtualClock(), registry },
      driverWith(async () => new Map()),
    )
    await driver.listMachines(settings)
    await driver.createMachine({ ...request, userData: '' }).catch(() => {})
    const text = await registry.metrics()
    expect(text).toContain('mcm_cloud_api_requests_total{provider="test",service="list_machine"} 1')
    expect(text).toContain(
      'mcm_cloud_api_driver_requests_failed_total{provider="test",operation="create_machine",error_code="Unimplemented"} 1',
    )
    expect(text).toContain(
      'mcm_cloud_api_driver_request_duration_seconds_count{provider="test",operation="list_machine"} 1',
    )
  })

  it('counts a call that was told to end as Canceled, whatever it was told', async () => {
    const registry = new Registry()
    const stop = AbortSignal.abort(new Failure('Unavailable', 'the process ends'))
    const driver = withMetrics(
      { clock: createVirtualClock(), registry },
      driverWith(async () => stop.throwIfAborted() ?? new Map()),
    )
    await expect(driver.listMachines(settings, { signal: stop })).rejects.toBe(stop.reason)
    expect(await registry.metrics()).toContain('operation="list_machine",error_code="Canceled"} 1')
  })

  it('keeps absent capabilities absent and present ones present', () => {
    const bare = driverWith(never)
    const metrics = (driver: Driver) => withMetrics({ clock: createVirtualClock(), registry: new Registry() }, driver)
    expect(metrics(bare).getConsoleOutput).toBeUndefined()
    expect(metrics({ ...bare, getConsoleOutput: async () => 'x' }).getConsoleOutput).toBeTypeOf('function')
    expect(Object.keys(metrics(bare))).not.toEqual(expect.arrayContaining(['mutableFields']))
    expect(metrics(bare).updateMachine).toBeUndefined()
  })

  it('counts changes of servers, and says still what can be changed', async () => {
    const registry = new Registry()
    const asked: string[] = []
    const able: Driver = {
      ...driverWith(never),
      mutableFields: ['tags'],
      updateMachine: async ({ machineName }) => void asked.push(machineName),
    }
    const driver = withMetrics({ clock: createVirtualClock(), registry }, able)
    await driver.updateMachine?.(request)
    expect(asked).toEqual([request.machineName])
    expect(driver.mutableFields).toEqual(['tags'])
    expect(await registry.metrics()).toContain(
      'mcm_cloud_api_requests_total{provider="test",service="update_machine"} 1',
    )
  })
})

describe('ownership tags', () => {
  const tags = { 'kubernetes.io/cluster/a': '1', 'kubernetes.io/role/node': '1', other: 'x' }

  it('are exactly those of cluster and role', () => {
    expect(ownershipTags(tags)).toEqual({ 'kubernetes.io/cluster/a': '1', 'kubernetes.io/role/node': '1' })
  })

  it.each([
    { reason: 'no cluster', given: { 'kubernetes.io/role/node': '1' }, names: 'kubernetes.io/cluster/' },
    { reason: 'no role', given: { 'kubernetes.io/cluster/a': '1' }, names: 'kubernetes.io/role/' },
    {
      reason: 'a cluster without name',
      given: { ...tags, 'kubernetes.io/cluster/': '1', 'kubernetes.io/cluster/a': undefined },
      names: 'kubernetes.io/cluster/',
    },
  ])('must be there: $reason', ({ given, names }) => {
    const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >
    expect(() => ownershipTags(present)).toThrow(names)
  })

  it('are compared by value', () => {
    expect(carries(tags, { other: 'x' })).toBe(true)
    expect(carries(tags, { other: 'y' })).toBe(false)
  })
})
