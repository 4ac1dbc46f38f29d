import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epoch, setOf } from '../../testing/objects.ts'
import { deploymentOf } from '../../testing/rig.ts'
import { freezeConditions, freezeLabelPatch, isFrozen, isMarked, mustFreeze, overshootLimits } from './overshoot.ts'

const settings = { safetyUp: 2, safetyDown: 1 }

function frozenSet(replicas: number, marks: { label?: boolean; condition?: boolean } = {}): MachineSet {
  const { label = true, condition = true } = marks
  return {
    ...setOf(replicas, label ? { metadata: { labels: { freeze: 'True' } } } : {}),
    ...(condition ? { status: { machineSetCondition: [{ type: 'Frozen', status: 'True' }] } } : {}),
  }
}

describe('overshootLimits', () => {
  const deployment = (maxSurge: number | string): MachineDeployment =>
    deploymentOf('ns', 'pool', 10, {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable: 0 } },
    })
  it.each([
    { reason: 'a surge in machines', of: deployment(3), freezeAt: 15 },
    { reason: 'a surge as a share, rounded up', of: deployment('15%'), freezeAt: 14 },
    { reason: 'no deployment: twice the replicas', of: undefined, freezeAt: 22 },
  ])('with $reason', ({ of, freezeAt }) => {
    expect(overshootLimits(setOf(10), of, settings)).toEqual({ freezeAt, unfreezeAt: freezeAt - 1 })
  })
})

describe('mustFreeze', () => {
  const limits = { freezeAt: 6, unfreezeAt: 5 }
  it.each([
    { reason: 'below the limit', set: setOf(3), all: 5, leaving: 0, frozen: false },
    { reason: 'at the limit', set: setOf(3), all: 6, leaving: 0, frozen: true },
    { reason: 'going machines count while the set would make more', set: setOf(3), all: 6, leaving: 4, frozen: true },
    { reason: 'a set that only shrinks', set: setOf(0), all: 100, leaving: 100, frozen: false },
    { reason: 'frozen and still above', set: frozenSet(3), all: 6, leaving: 6, frozen: true },
    { reason: 'frozen and down again', set: frozenSet(3), all: 5, leaving: 0, frozen: false },
    { reason: 'half the marks do not keep it', set: frozenSet(0, { label: false }), all: 7, leaving: 7, frozen: false },
    { reason: 'pardoned', set: setOf(3), all: 8, leaving: 0, pardonedAt: 8, frozen: false },
    { reason: 'pardoned and grown since', set: setOf(3), all: 9, leaving: 0, pardonedAt: 8, frozen: true },
  ])('$reason', ({ set, all, leaving, frozen, pardonedAt }) => {
    expect(mustFreeze({ set, count: { all, leaving }, limits, pardonedAt })).toBe(frozen)
  })
  it('never freezes at or below the lower limit, always above the upper one while machines stay', () => {
    const property = fc.property(fc.nat(50), fc.nat(60), fc.nat(60), fc.boolean(), (replicas, all, leaving, before) => {
      const set = before ? frozenSet(replicas) : setOf(replicas)
      const { freezeAt, unfreezeAt } = overshootLimits(set, undefined, settings)
      const count = { all, leaving: Math.min(all, leaving) }
      const frozen = mustFreeze({ set, count, limits: { freezeAt, unfreezeAt }, pardonedAt: undefined })
      if (all <= unfreezeAt) expect(frozen).toBe(false)
      if (all - count.leaving >= freezeAt) expect(frozen).toBe(true)
    })
    fc.assert(property)
  })
})

describe('the marks of freezing', () => {
  it('are the label and the condition together', () => {
    expect([isFrozen(frozenSet(1)), isMarked(frozenSet(1))]).toEqual([true, true])
    expect(isFrozen(frozenSet(1, { condition: false }))).toBe(false)
    expect(isMarked(frozenSet(1, { condition: false }))).toBe(true)
    expect(isMarked(setOf(1))).toBe(false)
  })
  it('are written only where they lack, and a request is used up', () => {
    expect(freezeLabelPatch(frozenSet(1), true)).toBeUndefined()
    expect(freezeLabelPatch(setOf(1), false)).toBeUndefined()
    expect(freezeLabelPatch(setOf(1), true)).toEqual({ metadata: { labels: { freeze: 'True' } } })
    const asked = setOf(1, { metadata: { annotations: { 'safety.machine.sapcloud.io/unfreeze': 'yes' } } })
    expect(freezeLabelPatch(asked, false)).toEqual({
      metadata: { labels: { freeze: null }, annotations: { 'safety.machine.sapcloud.io/unfreeze': null } },
    })
    const why = { reason: 'OverShootingReplicaCount', message: 'm' }
    expect(freezeConditions(frozenSet(1).status?.machineSetCondition, why, epoch)).toBeUndefined()
    expect(freezeConditions(frozenSet(1).status?.machineSetCondition, undefined, epoch)).toEqual([])
    expect(freezeConditions(undefined, undefined, epoch)).toBeUndefined()
  })
})
