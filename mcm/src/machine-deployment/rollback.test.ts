import type { MachineSet } from '@trellis/api/machine/machine-set'
import { describe, expect, it } from 'vitest'
import { deployment, setFor } from '../../testing/deployments.ts'
import { decideRollback } from './rollback.ts'

const revision = 'deployment.kubernetes.io/revision'

function setOfClass(name: string, number: number): MachineSet {
  const set = setFor(withClass(name), 0)
  const annotations = { ...set.metadata.annotations, [revision]: String(number) }
  return { ...set, metadata: { ...set.metadata, annotations } }
}

function withClass(name: string, rollbackTo?: { revision?: number }) {
  const { template } = deployment(3).spec ?? { template: {} }
  return deployment(3, {
    template: { ...template, spec: { class: { kind: 'MachineClass', name } } },
    ...(rollbackTo === undefined ? {} : { rollbackTo }),
  })
}

describe('decideRollback', () => {
  const sets = [setOfClass('a', 1), setOfClass('b', 2), setOfClass('c', 3)]

  it.each([
    { to: {}, reason: 'DeploymentRollback', message: 'Rolled back deployment "pool" to revision 2', name: 'b' },
    {
      to: { revision: 1 },
      reason: 'DeploymentRollback',
      message: 'Rolled back deployment "pool" to revision 1',
      name: 'a',
    },
    {
      to: { revision: 9 },
      reason: 'DeploymentRollbackRevisionNotFound',
      message: 'Unable to find the revision to rollback to.',
      name: undefined,
    },
    {
      to: { revision: 3 },
      reason: 'DeploymentRollbackTemplateUnchanged',
      message: 'The rollback revision contains the same template as current deployment "pool"',
      name: undefined,
    },
  ])('to $to', ({ to, reason, message, name }) => {
    const decision = decideRollback(withClass('c', to), sets)
    expect(decision?.event).toMatchObject({ reason, message })
    expect(decision?.patch).toEqual({
      metadata: { resourceVersion: '1' },
      spec: {
        rollbackTo: null,
        ...(name === undefined ? {} : { template: { spec: { class: { name } } } }),
      },
    })
  })

  it('says that there is nothing to go back to', () => {
    expect(decideRollback(withClass('a', { revision: 0 }), sets.slice(0, 1))?.event).toMatchObject({
      type: 'warn',
      message: 'Unable to find last revision.',
    })
  })

  it('does nothing unasked', () => {
    expect(decideRollback(withClass('c'), sets)).toBeUndefined()
  })
})
