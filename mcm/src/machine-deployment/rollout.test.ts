import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deployment, view } from '../../testing/deployments.ts'
import { boundsOf } from './bounds.ts'
import { firstReplicas, recreateStep, rollingStep, shareOut } from './rollout.ts'
import type { SetView } from './sets-view.ts'

describe('boundsOf', () => {
  it.each([
    { maxSurge: 1, maxUnavailable: 0, replicas: 4, bounds: [1, 0] },
    { maxSurge: '25%', maxUnavailable: '25%', replicas: 10, bounds: [3, 2] },
    { maxSurge: 0, maxUnavailable: 0, replicas: 4, bounds: [0, 1] },
    { maxSurge: '0%', maxUnavailable: '10%', replicas: 4, bounds: [0, 1] },
    { maxSurge: undefined, maxUnavailable: undefined, replicas: 4, bounds: [1, 0] },
    { maxSurge: '2', maxUnavailable: 9, replicas: 4, bounds: [2, 4] },
  ])('$maxSurge and $maxUnavailable of $replicas', ({ maxSurge, maxUnavailable, replicas, bounds }) => {
    const rollingUpdate = {
      ...(maxSurge === undefined ? {} : { maxSurge }),
      ...(maxUnavailable === undefined ? {} : { maxUnavailable }),
    }
    const { maxSurge: surge, maxUnavailable: unavailable } = boundsOf(
      deployment(replicas, { strategy: { type: 'RollingUpdate', rollingUpdate } }),
    )
    expect([surge, unavailable]).toEqual(bounds)
  })
})

describe('rollingStep', () => {
  const bounds = { maxSurge: 1, maxUnavailable: 0 }
  it.each([
    { reason: 'begins with the surge', newest: view('new', 0), old: view('old', 3), bounds, wanted: { new: 1 } },
    {
      reason: 'takes an old one away for each new one that runs',
      newest: view('new', 1),
      old: view('old', 3),
      bounds,
      wanted: { old: 2 },
    },
    { reason: 'waits for the new one', newest: view('new', 1, 0), old: view('old', 3), bounds, wanted: {} },
    {
      reason: 'waits until the old server is gone',
      newest: view('new', 1),
      old: view('old', 2, 2, 3),
      bounds,
      wanted: {},
    },
    { reason: 'goes on when it is gone', newest: view('new', 1), old: view('old', 2), bounds, wanted: { new: 2 } },
    {
      reason: 'takes sick old ones first',
      newest: view('new', 0),
      old: view('old', 3, 1),
      bounds: { maxSurge: 0, maxUnavailable: 1 },
      wanted: { old: 2 },
    },
    { reason: 'ends', newest: view('new', 3), old: view('old', 0), bounds, wanted: {} },
    {
      reason: 'shrinks a newest that is too large',
      newest: view('new', 5),
      old: view('old', 0),
      bounds,
      wanted: { new: 3 },
    },
  ])('$reason', ({ newest, old, bounds: given, wanted }) => {
    const scaling = rollingStep({ replicas: 3, bounds: given, newest, old: [old] })
    expect(Object.fromEntries(scaling)).toEqual(wanted)
  })

  it('never wants more servers or fewer available machines than allowed, wherever it begins', () => {
    const size = fc.integer({ min: 0, max: 10 })
    const shape = fc.record({ wanted: size, missing: size, going: size })
    const make = (name: string, { wanted, missing, going }: { wanted: number; missing: number; going: number }) =>
      view(name, wanted, Math.max(0, wanted - missing), wanted + going)
    fc.assert(
      fc.property(
        size,
        size,
        size,
        shape,
        fc.array(shape, { maxLength: 3 }),
        (replicas, maxSurge, maxUnavailable, newShape, oldShapes) => {
          const newest = make('new', newShape)
          const old = oldShapes.map((one, index) => make(`old-${index}`, one))
          const scaling = rollingStep({ replicas, bounds: { maxSurge, maxUnavailable }, newest, old })
          const all = [newest, ...old]
          const after = (one: SetView) => scaling.get(one.name) ?? one.wanted
          for (const one of all) expect(after(one)).toBeGreaterThanOrEqual(0)
          for (const one of old) expect(after(one)).toBeLessThanOrEqual(one.wanted)
          if (after(newest) > newest.wanted) {
            const servers = all.reduce(
              (sum, one) => sum + Math.max(one === newest ? after(one) : one.wanted, one.existing),
              0,
            )
            expect(servers).toBeLessThanOrEqual(replicas + maxSurge)
          }
          const lost = old.reduce((sum, one) => sum + Math.max(0, Math.min(one.available, one.wanted) - after(one)), 0)
          const available = all.reduce((sum, one) => sum + Math.min(one.available, one.wanted), 0)
          const shrunk = Math.max(0, newest.wanted - replicas)
          if (lost > 0)
            expect(available - lost).toBeGreaterThanOrEqual(Math.min(available, replicas - maxUnavailable) - shrunk)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('reaches its end from anywhere when machines do as they are told', () => {
    const size = fc.integer({ min: 0, max: 8 })
    fc.assert(
      fc.property(
        size,
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 0, max: 3 }),
        size,
        fc.array(size, { maxLength: 3 }),
        (replicas, maxSurge, surplus, first, olds) => {
          const bounds = { maxSurge, maxUnavailable: maxSurge === 0 ? 1 : surplus }
          let sizes = new Map([
            ['new', first],
            ...olds.map((wanted, index): [string, number] => [`old-${index}`, wanted]),
          ])
          const views = () => [...sizes].map(([name, wanted]) => view(name, wanted))
          for (let step = 0; step < 100; step++) {
            const [newest, ...old] = views()
            if (newest === undefined) return
            const scaling = rollingStep({ replicas, bounds, newest, old })
            if (scaling.size === 0) break
            sizes = new Map([...sizes, ...scaling])
          }
          expect(sizes.get('new')).toBe(replicas)
          expect([...sizes.values()].reduce((sum, wanted) => sum + wanted, 0)).toBe(replicas)
        },
      ),
    )
  })
})

describe('recreateStep', () => {
  it.each([
    { reason: 'old ones go', newest: view('new', 0), old: view('old', 3), wanted: { old: 0 } },
    { reason: 'nothing happens while they go', newest: view('new', 0), old: view('old', 0, 0, 2), wanted: {} },
    { reason: 'then new ones come', newest: view('new', 0), old: view('old', 0), wanted: { new: 3 } },
    {
      reason: 'after a rollback the machines of the newest that go are old ones',
      newest: { ...view('new', 0, 0, 2), present: 0 },
      old: view('old', 0),
      wanted: {},
    },
  ])('$reason', ({ newest, old, wanted }) => {
    expect(
      Object.fromEntries(recreateStep({ replicas: 3, bounds: { maxSurge: 0, maxUnavailable: 3 }, newest, old: [old] })),
    ).toEqual(wanted)
  })
})

describe('a step of a rollout', () => {
  it('leaves room for machines that are going beside those that are still to be made', () => {
    // Two are there and one is going, three are wanted: that will be four servers.
    const newest = { ...view('new', 3, 2, 3), present: 2 }
    const scaling = rollingStep({ replicas: 3, bounds: { maxSurge: 1, maxUnavailable: 0 }, newest, old: [] })
    expect(Object.fromEntries(scaling)).toEqual({})
  })
})

describe('machines that are coming', () => {
  const coming = { ...view('old', 1, 0, 0), coming: 3 }

  it('cost servers although fewer are wanted meanwhile', () => {
    const rollout = { replicas: 2, bounds: { maxSurge: 2, maxUnavailable: 0 }, newest: view('new', 1), old: [coming] }
    expect(rollingStep(rollout).has('new')).toBe(false)
    expect(rollingStep({ ...rollout, old: [{ ...coming, coming: 1 }] }).get('new')).toBe(2)
  })

  it('are waited for before all are made anew', () => {
    const newest = view('new', 0, 0, 0, 60)
    const rollout = { replicas: 2, bounds: { maxSurge: 0, maxUnavailable: 2 }, newest }
    expect(recreateStep({ ...rollout, old: [{ ...coming, wanted: 0 }] }).size).toBe(0)
    expect(recreateStep({ ...rollout, old: [{ ...coming, wanted: 0, coming: 0 }] }).get('new')).toBe(2)
    expect(firstReplicas(2, rollout.bounds, [{ ...coming, wanted: 0 }], true)).toBe(0)
  })
})

describe('shareOut', () => {
  it.each([
    { reason: 'one set takes all', views: [view('a', 3)], replicas: 5, wanted: { a: 5 } },
    {
      reason: 'growth leaves room for machines of the newest itself that go',
      views: [view('a', 3, 3, 3, 0), { ...view('b', 1, 1, 2, 60), present: 1 }],
      replicas: 6,
      wanted: { b: 3 },
    },
    {
      reason: 'growth goes to the newest',
      views: [view('a', 3, 3, 3, 0), view('b', 1, 1, 1, 60)],
      replicas: 6,
      wanted: { b: 4 },
    },
    {
      reason: 'shrinkage is shared',
      views: [view('a', 6, 6, 6, 0), view('b', 3, 3, 3, 60)],
      replicas: 3,
      wanted: { a: 3, b: 1 },
    },
    { reason: 'nothing is nothing', views: [view('a', 3), view('b', 1)], replicas: 0, wanted: { a: 0, b: 0 } },
    {
      reason: 'nobody is there yet',
      views: [view('a', 0, 0, 0, 0), view('b', 0, 0, 0, 60)],
      replicas: 2,
      wanted: { b: 2 },
    },
    {
      reason: 'growth waits for the machines of older sets that are still going',
      views: [{ ...view('a', 1, 1, 2, 0), present: 1 }, view('b', 1, 1, 1, 60)],
      replicas: 3,
      wanted: { b: 2 },
    },
    {
      reason: 'also when only the newest is still wanted',
      views: [{ ...view('a', 0, 0, 2, 0), present: 0 }, view('b', 1, 1, 1, 60)],
      replicas: 4,
      wanted: { b: 3 },
    },
  ])('$reason', ({ views, replicas, wanted }) => {
    expect(Object.fromEntries(shareOut({ replicas, surge: 1, views, newest: views.at(-1) }))).toEqual(wanted)
  })

  it.each([
    { reason: 'waits for what it gave up to a rollout', filled: 'b', wanted: {} },
    { reason: 'does not wait for what it was told to give up', filled: 'a', wanted: { a: 2 } },
    { reason: 'does not wait where nothing was to be replaced', filled: undefined, wanted: { a: 2 } },
  ])('a set that is alone while nothing is replaced $reason', ({ filled, wanted }) => {
    const views = [{ ...view('a', 1, 1, 2, 0), present: 1 }, view('b', 0, 0, 0, 60)]
    const scaling = shareOut({ replicas: 2, surge: 0, views, filled: views.find(({ name }) => name === filled) })
    expect(Object.fromEntries(scaling)).toEqual(wanted)
    const later = views.map((one) => ({ ...one, existing: one.present }))
    expect(Object.fromEntries(shareOut({ replicas: 2, surge: 0, views: later }))).toEqual({ a: 2 })
  })

  it('shares out exactly what is allowed', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 5 }), (wanted, replicas, surge) => {
        const views = wanted.map((one, index) => view(`s${index}`, one, one, one, index))
        const scaling = shareOut({ replicas, surge, views, newest: views.at(-1) })
        const after = views.map((one) => scaling.get(one.name) ?? one.wanted)
        expect(after.reduce((sum, one) => sum + one, 0)).toBe(replicas === 0 ? 0 : replicas + surge)
        expect(Math.min(...after)).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})

describe('shareOut, when the autoscaler chose machines', () => {
  const counts = fc.record({
    wanted: fc.integer({ min: 0, max: 12 }),
    chosen: fc.integer({ min: 0, max: 12 }),
    going: fc.integer({ min: 0, max: 4 }),
  })
  const scene = fc.record({
    sets: fc.array(counts, { minLength: 2, maxLength: 4 }),
    replicas: fc.integer({ min: 0, max: 40 }),
    surge: fc.integer({ min: 0, max: 4 }),
  })
  const viewsOf = (sets: readonly { wanted: number; chosen: number; going: number }[]) =>
    sets.map(({ wanted, chosen, going }, index) => ({
      ...view(`s${index}`, wanted, wanted, wanted + going, index),
      chosen: Math.min(chosen, wanted),
    }))

  it('takes no machine that it did not choose while there are enough that it did', () => {
    fc.assert(
      fc.property(scene, ({ sets, replicas, surge }) => {
        const views = viewsOf(sets)
        const scaling = shareOut({ replicas, surge, views, newest: views.at(-1) })
        const losses = views.map((one) => one.wanted - (scaling.get(one.name) ?? one.wanted))
        const lost = losses.reduce((sum, loss) => sum + Math.max(0, loss), 0)
        const chosen = views.reduce((sum, one) => sum + one.chosen, 0)
        if (lost === 0 || views.filter(({ wanted }) => wanted > 0).length < 2) return
        for (const [index, loss] of losses.entries()) {
          expect(loss).toBeGreaterThanOrEqual(0)
          const own = views[index]?.chosen ?? 0
          if (chosen >= lost) expect(loss).toBeLessThanOrEqual(own)
          else expect(loss).toBeGreaterThanOrEqual(own)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('grows the newest alone, and never to more servers than allowed', () => {
    fc.assert(
      fc.property(scene, ({ sets, replicas, surge }) => {
        const views = viewsOf(sets)
        const newest = views.at(-1)
        const scaling = shareOut({ replicas, surge, views, newest })
        const grown = views.filter((one) => (scaling.get(one.name) ?? one.wanted) > one.wanted)
        if (grown.length === 0 || views.every((one) => one === newest || one.wanted === 0)) return
        expect(grown).toEqual([newest])
        const servers = views.map((one) => Math.max(one.existing, scaling.get(one.name) ?? one.wanted))
        const before = views.reduce((sum, one) => sum + one.existing, 0)
        const after = servers.reduce((sum, count) => sum + count, 0)
        expect(after).toBeLessThanOrEqual(Math.max(before, replicas + surge))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('firstReplicas', () => {
  it.each([
    { reason: 'alone', old: [], recreate: false, wanted: 3 },
    { reason: 'beside old ones: the surge', old: [view('old', 3)], recreate: false, wanted: 1 },
    { reason: 'beside old ones that are going', old: [view('old', 0, 0, 3)], recreate: false, wanted: 1 },
    { reason: 'after old ones', old: [view('old', 1)], recreate: true, wanted: 0 },
  ])('$reason', ({ old, recreate, wanted }) => {
    expect(firstReplicas(3, { maxSurge: 1, maxUnavailable: 0 }, old, recreate)).toBe(wanted)
  })
})
