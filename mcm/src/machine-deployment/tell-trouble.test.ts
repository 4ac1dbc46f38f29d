import type { MachineDeployment, MachineDeploymentStatus } from '@trellis/api/machine/machine-deployment'
import { describe, expect, it } from 'vitest'
import { deployment } from '../../testing/deployments.ts'
import { describeAvoided } from '../machine/class-choice.ts'
import { createTroubleTeller } from './tell-trouble.ts'

function shortage(waiting: number, ...classNames: string[]): string {
  const avoided = classNames.map((className, index) => ({
    className,
    until: waiting * 1000 + index,
    reason: 'no stock',
  }))
  return `Machines that wait for quota or stock: ${waiting}. Cloud provider message - ${describeAvoided(avoided)}`
}

function says(reason: string | undefined, message = '', observedGeneration = 1): MachineDeploymentStatus {
  const condition = { type: 'ReplicaFailure' as const, status: 'True' as const, message }
  return { observedGeneration, conditions: reason === undefined ? [] : [{ ...condition, reason }] }
}

/** How many warnings each of the statuses brings when they are written in this order. */
function warnings(statuses: readonly MachineDeploymentStatus[], restartBefore = -1): readonly number[] {
  let told = 0
  const events = { normal: () => {}, flock: () => {}, warn: () => void told++ }
  let teller = createTroubleTeller(events)
  let present: MachineDeployment = deployment(3)
  return statuses.map((status, index) => {
    if (index === restartBefore) teller = createTroubleTeller(events)
    const before = told
    teller.tell(present, status)
    present = { ...present, status }
    return told - before
  })
}

const short = 'ResourceExhausted'

describe('a warning about a deployment', () => {
  it.each([
    { reason: 'the first time', statuses: [says(short, shortage(3, 'a'))], told: [1] },
    {
      reason: 'not for another number or instant',
      statuses: [says(short, shortage(3, 'a')), says(short, shortage(2, 'a')), says(short, shortage(5, 'a'), 2)],
      told: [1, 0, 0],
    },
    {
      reason: 'for one more class, not when one is tried again',
      statuses: [['a'], ['a', 'b'], ['b'], ['b', 'a']].map((classes) => says(short, shortage(3, ...classes))),
      told: [1, 1, 0, 0],
    },
    {
      reason: 'again once it was over',
      statuses: [says(short, shortage(3, 'a')), says(undefined), says(short, shortage(3, 'a'))],
      told: [1, 0, 1],
    },
    {
      reason: 'for another reason, and back',
      statuses: [says(short, shortage(3, 'a')), says('MachineClassMissing', 'x'), says(short, shortage(3, 'a'))],
      told: [1, 1, 1],
    },
    {
      reason: 'for another flaw only of another spec',
      statuses: [says('InvalidSpec', 'x', 1), says('InvalidSpec', 'y', 1), says('InvalidSpec', 'z', 2)],
      told: [1, 0, 1],
    },
  ])('comes $reason', ({ statuses, told }) => {
    expect(warnings(statuses)).toEqual(told)
  })

  it('is not repeated after a restart', () => {
    expect(warnings([says(short, shortage(3, 'a')), says(short, shortage(2, 'a'))], 1)).toEqual([1, 0])
  })
})
