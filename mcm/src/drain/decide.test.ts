import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attempt, decideOf, evictionsEnd, removalsOf, textsOf } from '../../testing/drains.ts'
import { at, epoch, podNamed } from '../../testing/objects.ts'
import { describeBlockers } from './blockers.ts'
import { mustLeave } from './pods.ts'

const leaving = { deletionTimestamp: at(0) }
const owned = (kind: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'x', uid: 'x', controller: true }],
})

describe('mustLeave', () => {
  it.each([
    { reason: 'a pod of a replica set', pod: podNamed('p', { metadata: owned('ReplicaSet') }), leaves: true },
    { reason: 'a pod of nobody', pod: podNamed('p'), leaves: true },
    { reason: 'a pod of a daemon set', pod: podNamed('p', { metadata: owned('DaemonSet') }), leaves: false },
    {
      reason: 'a mirror pod',
      pod: podNamed('p', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }),
      leaves: false,
    },
    { reason: 'one that succeeded', pod: podNamed('p', { phase: 'Succeeded' }), leaves: false },
    { reason: 'one that failed', pod: podNamed('p', { phase: 'Failed' }), leaves: false },
    { reason: 'one that is pending', pod: podNamed('p', { phase: 'Pending' }), leaves: true },
  ])('$reason: $leaves', ({ pod, leaves }) => {
    expect(mustLeave(pod)).toBe(leaves)
  })
})

describe('decideDrain', () => {
  const attemptsOf = (attempts: Record<string, ReturnType<typeof attempt>>) => ({
    attempts: new Map(Object.entries(attempts)),
  })
  const refused = attempt({ refusal: 'budget web allows none', refusedSince: epoch })

  it('asks all pods at the same time', () => {
    const pods = [podNamed('a'), podNamed('b'), podNamed('d', { metadata: owned('DaemonSet') })]
    expect(removalsOf(decideOf(pods))).toEqual(['evict a', 'evict b'])
  })

  it('is over when only pods that may stay are left', () => {
    expect(decideOf([podNamed('d', { metadata: owned('DaemonSet') })])).toMatchObject({ finished: true, blockers: [] })
  })

  it('waits for pods that are going, however long their grace', () => {
    const decision = decideOf([podNamed('a', { metadata: leaving })])
    expect(decision).toMatchObject({ removals: [], finished: false })
    expect(textsOf(decision)).toEqual(['pod default/a is terminating'])
  })

  it('asks a refused pod again after its pause, and names the refusal and since when', () => {
    const decision = decideOf([podNamed('a')], attemptsOf({ 'uid-a': refused }))
    expect(decision).toMatchObject({
      removals: [],
      nextAt: epoch + 1000,
      blockers: [
        {
          reason: 'EvictionRefused',
          text: 'pod default/a cannot be evicted (tried since 2026-01-01T00:00:00Z): budget web allows none',
        },
      ],
    })
    expect(removalsOf(decideOf([podNamed('a')], attemptsOf({ 'uid-a': refused }), epoch + 1000))).toEqual(['evict a'])
  })

  it('asks refused pods again as soon as their budget opens, no more than it allows', () => {
    const pods = ['a', 'b', 'c'].map((name) => podNamed(name))
    const attempts = new Map(pods.map(({ metadata }) => [metadata.uid ?? '', refused]))
    const allows = { kind: 'allows' as const, budget: 'default/web', allowed: 2, version: '7' }
    const verdicts = new Map(pods.map(({ metadata }) => [metadata.uid ?? '', allows]))
    expect(removalsOf(decideOf(pods, { attempts, verdicts }))).toEqual(['evict a', 'evict b'])
    // What this version of the budget refused already, it will refuse again.
    const tried = new Map(pods.map(({ metadata }) => [metadata.uid ?? '', { ...refused, budgetVersion: '7' }]))
    expect(removalsOf(decideOf(pods, { attempts: tried, verdicts }))).toEqual([])
  })

  it('does not ask a budget again and again that is known to refuse', () => {
    const attempts = new Map([['uid-a', refused]])
    const verdicts = new Map([['uid-a', { kind: 'blocks' as const, text: 'none', misconfigured: false }]])
    expect(decideOf([podNamed('a')], { attempts, verdicts }, epoch + 59_999)).toMatchObject({
      removals: [],
      nextAt: epoch + 60_000,
    })
    expect(removalsOf(decideOf([podNamed('a')], { attempts, verdicts }, epoch + 60_000))).toEqual(['evict a'])
  })

  it('puts first what will not pass by itself', () => {
    const pods = ['a', 'b', 'c'].map((name) => podNamed(name))
    const attempts = new Map(pods.map(({ metadata }) => [metadata.uid ?? '', refused]))
    const verdicts = new Map([
      ['uid-b', { kind: 'blocks' as const, text: 'never', misconfigured: true }],
      ['uid-c', { kind: 'several' as const, text: 'two budgets' }],
    ])
    const { blockers } = decideOf(pods, { attempts, verdicts })
    expect(blockers.map(({ reason }) => reason)).toEqual(['SeveralBudgets', 'BudgetMisconfigured', 'EvictionRefused'])
    expect(blockers[1]?.text).toBe('pod default/b cannot be evicted (tried since 2026-01-01T00:00:00Z): never')
  })

  it('deletes with grace once evictions were tried for long enough, regardless of the pause', () => {
    const attempts = attemptsOf({ 'uid-a': { ...refused, notBefore: evictionsEnd + 9000 } })
    expect(removalsOf(decideOf([podNamed('a')], attempts, evictionsEnd))).toEqual(['delete a'])
  })

  it('kills without grace when forced, also pods that are going, but asks once', () => {
    const pods = [podNamed('a'), podNamed('b', { metadata: leaving })]
    const evicted = attemptsOf({ 'uid-b': attempt({ notBefore: epoch + 15_000 }) })
    expect(removalsOf(decideOf(pods, { ...evicted, forcedSince: epoch }))).toEqual(['force a', 'force b'])
    const forced = attempt({ how: 'force', notBefore: epoch + 15_000 })
    const asked = attemptsOf({ 'uid-a': forced, 'uid-b': forced })
    expect(removalsOf(decideOf(pods, { ...asked, forcedSince: epoch }))).toEqual([])
  })

  it('does not wait for ever for pods that nobody can stop', () => {
    const forced = {
      forcedSince: epoch,
      ...attemptsOf({ 'uid-a': attempt({ how: 'force', notBefore: epoch + 75_000 }) }),
    }
    expect(decideOf([podNamed('a')], forced, epoch + 59_999)).toMatchObject({ finished: false, nextAt: epoch + 60_000 })
    const end = decideOf([podNamed('a')], forced, epoch + 60_000)
    expect(end.finished).toBe(true)
    expect(textsOf(end)).toEqual(['pod default/a is asked to go'])
  })

  it('always finishes or has something to do or a moment to come back, and kills nobody unless forced', () => {
    const pod = fc.record({ name: fc.constantFrom('a', 'b', 'c'), going: fc.boolean(), daemon: fc.boolean() })
    const attempts = fc.record({
      tries: fc.integer({ min: 1, max: 9 }),
      how: fc.constantFrom('evict' as const, 'delete' as const, 'force' as const),
      at: fc.constant(epoch),
      notBefore: fc.integer({ min: epoch - 60_000, max: epoch + 60_000 }),
    })
    const property = fc.property(
      fc.uniqueArray(pod, { selector: ({ name }) => name }),
      fc.dictionary(fc.constantFrom('uid-a', 'uid-b', 'uid-c'), attempts),
      fc.option(fc.integer({ min: epoch - 90_000, max: epoch }), { nil: undefined }),
      (shapes, tried, forcedSince) => {
        const pods = shapes.map(({ name, going, daemon }) =>
          podNamed(name, { metadata: { ...(going ? leaving : {}), ...(daemon ? owned('DaemonSet') : {}) } }),
        )
        const decision = decideOf(pods, { ...attemptsOf(tried), forcedSince })
        expect(decision.finished || decision.nextAt > epoch).toBe(true)
        if (forcedSince === undefined) {
          expect(decision.finished).toBe(pods.every((one) => !mustLeave(one)))
          expect(decision.removals.every(({ how, pod }) => how === 'evict' && mustLeave(pod))).toBe(true)
        }
      },
    )
    fc.assert(property)
  })

  it('describes at most a few blockers, in bounded length', () => {
    const blockers = (texts: readonly string[]) => texts.map((text) => ({ reason: 'MovingPods' as const, text }))
    expect(describeBlockers(blockers(['a', 'b']))).toBe('a; b')
    expect(describeBlockers(blockers(['a', 'b', 'c', 'd', 'e']))).toBe('a; b; c; and 2 more')
    expect(describeBlockers(blockers(['x'.repeat(5000), 'y'.repeat(5000), 'z', '', ''])).length).toBeLessThan(1024)
  })
})
