import type { Pod } from '@trellis/api/core/pod'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, epoch, podNamed } from '../../testing/objects.ts'
import { decideDrain, describeBlockers, type EvictionAttempts } from './decide.ts'
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
  const later = epoch + 7_200_000
  const drain = (
    pods: readonly Pod[],
    attempts: Record<string, EvictionAttempts> = {},
    forcedSince?: number,
    now = epoch,
    evictUntil = later,
  ) => decideDrain({ pods, attempts: new Map(Object.entries(attempts)), forcedSince, evictUntil }, now)
  const hows = (decision: ReturnType<typeof drain>) =>
    decision.removals.map(({ pod, how }) => `${how} ${pod.metadata.name}`)

  it('asks all pods at the same time', () => {
    expect(hows(drain([podNamed('a'), podNamed('b'), podNamed('d', { metadata: owned('DaemonSet') })]))).toEqual([
      'evict a',
      'evict b',
    ])
  })

  it('is over when only pods that may stay are left', () => {
    expect(drain([podNamed('d', { metadata: owned('DaemonSet') })])).toMatchObject({ finished: true, blockers: [] })
  })

  it('waits for pods that are going, however long their grace', () => {
    const going = podNamed('a', { metadata: leaving })
    expect(drain([going])).toMatchObject({ removals: [], finished: false, blockers: ['pod default/a is terminating'] })
  })

  it('asks a refused pod again after its pause, and names the refusal', () => {
    const attempts = {
      'uid-a': { tries: 1, how: 'evict' as const, notBefore: epoch + 1000, refusal: 'budget web allows none' },
    }
    expect(drain([podNamed('a')], attempts)).toMatchObject({
      removals: [],
      nextAt: epoch + 1000,
      refused: true,
      blockers: ['pod default/a cannot be evicted: budget web allows none'],
    })
    expect(hows(drain([podNamed('a')], attempts, undefined, epoch + 1000))).toEqual(['evict a'])
  })

  it('deletes with grace once evictions were tried for long enough, regardless of the pause', () => {
    const attempts = { 'uid-a': { tries: 9, how: 'evict' as const, notBefore: later + 9000, refusal: 'no' } }
    expect(hows(drain([podNamed('a')], attempts, undefined, later))).toEqual(['delete a'])
  })

  it('kills without grace when forced, also pods that are going, but asks once', () => {
    const pods = [podNamed('a'), podNamed('b', { metadata: leaving })]
    const evicted = { tries: 1, how: 'evict' as const, notBefore: epoch + 15_000 }
    expect(hows(drain(pods, { 'uid-b': evicted }, epoch))).toEqual(['force a', 'force b'])
    const forced = { tries: 2, how: 'force' as const, notBefore: epoch + 15_000 }
    expect(hows(drain(pods, { 'uid-a': forced, 'uid-b': forced }, epoch))).toEqual([])
  })

  it('does not wait for ever for pods that nobody can stop', () => {
    expect(drain([podNamed('a')], {}, epoch, epoch + 59_999)).toMatchObject({ finished: false, nextAt: epoch + 60_000 })
    expect(drain([podNamed('a')], {}, epoch, epoch + 60_000)).toMatchObject({
      finished: true,
      blockers: ['pod default/a is asked to go'],
    })
  })

  it('always finishes or has something to do or a moment to come back', () => {
    const pod = fc.record({ name: fc.constantFrom('a', 'b', 'c'), going: fc.boolean(), daemon: fc.boolean() })
    const attempt = fc.record({
      tries: fc.integer({ min: 1, max: 9 }),
      how: fc.constantFrom('evict' as const, 'delete' as const, 'force' as const),
      notBefore: fc.integer({ min: epoch - 60_000, max: epoch + 60_000 }),
    })
    const property = fc.property(
      fc.uniqueArray(pod, { selector: ({ name }) => name }),
      fc.dictionary(fc.constantFrom('uid-a', 'uid-b', 'uid-c'), attempt),
      fc.option(fc.integer({ min: epoch - 90_000, max: epoch }), { nil: undefined }),
      (shapes, attempts, forcedSince) => {
        const pods = shapes.map(({ name, going, daemon }) =>
          podNamed(name, { metadata: { ...(going ? leaving : {}), ...(daemon ? owned('DaemonSet') : {}) } }),
        )
        const decision = drain(pods, attempts, forcedSince)
        expect(decision.finished || decision.nextAt > epoch).toBe(true)
        if (forcedSince === undefined) {
          expect(decision.finished).toBe(pods.every((one) => !mustLeave(one)))
          expect(decision.removals.every(({ how, pod }) => how === 'evict' && mustLeave(pod))).toBe(true)
        }
      },
    )
    fc.assert(property)
  })

  it('describes at most a few blockers', () => {
    expect(describeBlockers(['a', 'b'])).toBe('a; b')
    expect(describeBlockers(['a', 'b', 'c', 'd', 'e'])).toBe('a; b; c; and 2 more')
  })
})
