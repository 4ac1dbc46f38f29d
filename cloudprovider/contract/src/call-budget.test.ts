import { Failure } from '@trellis/foundation/failure'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { createCallBudget, createCallBudgets } from './call-budget.ts'
import { createCallMetrics } from './call-metrics.ts'

const settings = { perSecond: 10, burst: 5, leastPerSecond: 1 }

function open() {
  const clock = createVirtualClock()
  const budget = createCallBudget({ clock }, settings)
  const begun: number[] = []
  const start = clock.now()
  const call = async () => void begun.push(clock.now() - start)
  return { clock, budget, begun, call }
}

const throttled = (retryAfterMilliseconds?: number) => () =>
  Promise.reject(
    new Failure('Throttled', 'too many', retryAfterMilliseconds === undefined ? {} : { retryAfterMilliseconds }),
  )

describe('a budget of calls', () => {
  it('lets a burst through, then keeps the rate, first come first served', async () => {
    const { clock, budget, begun, call } = open()
    const all = Promise.all(Array.from({ length: 8 }, () => budget.spend(call)))
    await clock.advance(1000)
    await all
    expect(begun).toEqual([0, 0, 0, 0, 0, 100, 200, 300])
  })

  it('halves the rate once for refusals that come together, and never goes below the least', async () => {
    const { clock, budget } = open()
    await Promise.allSettled([budget.spend(throttled()), budget.spend(throttled())])
    expect(budget.perSecond()).toBe(5)
    for (let round = 0; round < 6; round++) {
      await clock.advance(1000)
      const refused = budget.spend(throttled()).catch(() => {})
      await clock.advance(1000)
      await refused
    }
    expect(budget.perSecond()).toBeGreaterThanOrEqual(1)
    expect(budget.perSecond()).toBeLessThan(3)
  })

  it('comes back to the full rate and stays there', async () => {
    const { clock, budget } = open()
    await budget.spend(throttled()).catch(() => {})
    await clock.advance(5000)
    expect(budget.perSecond()).toBeCloseTo(7.5)
    await clock.advance(60_000)
    expect(budget.perSecond()).toBe(10)
  })

  it('holds every call until the cloud wants to be asked again', async () => {
    const { clock, budget, begun, call } = open()
    await budget.spend(throttled(3000)).catch(() => {})
    const later = budget.spend(call)
    await clock.advance(2999)
    expect(begun).toEqual([])
    await clock.advance(1)
    await later
    expect(begun).toEqual([3000])
  })

  it('does not slow down for other failures', async () => {
    const { budget } = open()
    await budget.spend(() => Promise.reject(new Failure('Unavailable', 'down'))).catch(() => {})
    expect(budget.perSecond()).toBe(10)
  })

  it('lets those that give up out of the line, without their turn being lost', async () => {
    const { clock, budget, begun, call } = open()
    await Promise.all(Array.from({ length: 5 }, () => budget.spend(call)))
    const stop = new AbortController()
    const leaving = budget.spend(call, stop.signal)
    const next = budget.spend(call)
    const reason = new Failure('Unavailable', 'stopped')
    stop.abort(reason)
    await expect(leaving).rejects.toBe(reason)
    await expect(budget.spend(call, stop.signal)).rejects.toBe(reason)
    await clock.advance(100)
    await next
    expect(begun).toEqual([0, 0, 0, 0, 0, 100])
    expect(clock.pending()).toEqual([])
  })

  it('is one for each account', () => {
    const budgets = createCallBudgets({ clock: createVirtualClock() }, settings)
    expect(budgets.of('one')).toBe(budgets.of('one'))
    expect(budgets.of('one')).not.toBe(budgets.of('two'))
  })
})

describe('metrics of calls', () => {
  it('tell calls for each server made', async () => {
    const registry = new Registry()
    const metrics = createCallMetrics(registry, 'test')
    expect(await registry.metrics()).not.toContain('calls_per_machine{')
    for (const api of ['Run', 'Describe', 'Run']) metrics.called(api)
    metrics.made()
    metrics.made()
    const text = await registry.metrics()
    expect(text).toContain('mcm_cloud_api_calls_total{provider="test",api="Run"} 2')
    expect(text).toContain('mcm_cloud_servers_made_total{provider="test"} 2')
    expect(text).toContain('mcm_cloud_api_calls_per_machine{provider="test"} 1.5')
  })
})
