import type { PodDisruptionBudget } from '@trellis/api/core/workload'
import { describe, expect, it } from 'vitest'
import { at, podNamed } from '../../testing/objects.ts'
import { isMisconfigured, verdictOn } from './budgets.ts'

const web = podNamed('web-0', { metadata: { labels: { app: 'web' } } })

function budgetOf(
  name: string,
  status: NonNullable<PodDisruptionBudget['status']>,
  spec: NonNullable<PodDisruptionBudget['spec']> = { minAvailable: 2 },
): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: 'default', generation: 3, resourceVersion: '8' },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    status,
  }
}
const full = { observedGeneration: 3, expectedPods: 2, currentHealthy: 2, desiredHealthy: 2, disruptionsAllowed: 0 }

describe('isMisconfigured', () => {
  it.each([
    { reason: 'all pods are well and none may go', changes: {}, misconfigured: true },
    { reason: 'more are well than expected', changes: { currentHealthy: 3 }, misconfigured: true },
    { reason: 'one is not well', changes: { currentHealthy: 1 }, misconfigured: false },
    { reason: 'it covers nothing', changes: { expectedPods: 0, currentHealthy: 0 }, misconfigured: false },
    { reason: 'its account is old', changes: { observedGeneration: 2 }, misconfigured: false },
    { reason: 'one is being disrupted', changes: { disruptedPods: { 'web-1': at(0) } }, misconfigured: false },
    { reason: 'one may go', changes: { disruptionsAllowed: 1 }, misconfigured: false },
  ])('$reason: $misconfigured', ({ changes, misconfigured }) => {
    expect(isMisconfigured(budgetOf('web', { ...full, ...changes }))).toBe(misconfigured)
  })

  it('knows nothing of a budget that nobody has looked at', () => {
    const { status: _, ...fresh } = budgetOf('web', full)
    expect(isMisconfigured(fresh)).toBe(false)
  })
})

describe('verdictOn', () => {
  it('names the budget, what it allows, since when, and what to do about it', () => {
    const since = { type: 'DisruptionAllowed', status: 'False' as const, lastTransitionTime: at(60) }
    const verdict = verdictOn(web, [budgetOf('web', { ...full, conditions: [since] }, { maxUnavailable: 0 })])
    expect(verdict).toEqual({
      kind: 'blocks',
      misconfigured: true,
      text:
        'PodDisruptionBudget default/web allows 0 disruptions, since 2026-01-01T00:01:00Z (2 of 2 pods are healthy, 2 must be); ' +
        'it never allows one while all its pods are well: raise its maxUnavailable of 0',
    })
  })

  it('does not call a budget wrong that waits for its pods', () => {
    const verdict = verdictOn(web, [budgetOf('web', { ...full, currentHealthy: 1 })])
    expect(verdict).toEqual({
      kind: 'blocks',
      misconfigured: false,
      text: 'PodDisruptionBudget default/web allows 0 disruptions (1 of 2 pods are healthy, 2 must be)',
    })
  })

  it.each([
    { reason: 'another namespace', budget: { metadata: { name: 'web', namespace: 'other' } } },
    { reason: 'other labels', budget: { spec: { selector: { matchLabels: { app: 'db' } } } } },
    { reason: 'no selector', budget: { spec: {} } },
  ])('leaves out budgets of $reason', ({ budget }) => {
    expect(verdictOn(web, [{ ...budgetOf('web', full), ...budget }])).toEqual({ kind: 'none' })
  })

  it('takes an empty selector for all pods of the namespace', () => {
    expect(verdictOn(web, [budgetOf('all', full, { selector: {} })]).kind).toBe('blocks')
  })

  it('says how many may go', () => {
    expect(verdictOn(web, [budgetOf('web', { ...full, disruptionsAllowed: 2 })])).toEqual({
      kind: 'allows',
      budget: 'default/web',
      allowed: 2,
      version: '8',
    })
  })

  it('names several budgets over one pod, of which the eviction API wants but one', () => {
    expect(verdictOn(web, [budgetOf('web', full), budgetOf('all', { ...full, disruptionsAllowed: 1 })])).toEqual({
      kind: 'several',
      text: 'more than one PodDisruptionBudget covers it (default/all and default/web); leave it only one',
    })
  })
})
