import type { MachineSet } from '@trellis/api/machine/machine-set'
import { describe, expect, it } from 'vitest'
import { deployment, members, setFor } from '../../testing/deployments.ts'
import { epoch, launched, ownedBy } from '../../testing/objects.ts'
import { decideMachineDeployment } from './decide.ts'
import { movePatch } from './in-place-move.ts'

describe('movePatch', () => {
  it('changes owner, template and class in one write', () => {
    const owner = deployment(1)
    const from = setFor(owner, 1)
    const changed = { ...owner.spec?.template, metadata: { labels: { name: 'pool', zone: 'b' } } }
    const spec = { ...changed.spec, class: { kind: 'MachineClass', name: 'large' }, drainTimeout: '1h' }
    const to = setFor(deployment(1, { template: { ...changed, spec } }), 1, 5)
    const template = { ...from.spec?.template, metadata: { labels: { ...from.metadata.labels, old: '1' } } }
    const source = { ...from, spec: { ...from.spec, template } }
    const labels = { ...template.metadata.labels, node: 'a', theirs: '1' }
    const machine = ownedBy(from, launched('InPlaceUpdateSuccessful', { metadata: { name: 'a', labels } }))
    const patch = movePatch(machine, source, to)
    expect(patch).not.toHaveProperty('metadata.labels.theirs')
    expect(patch).not.toHaveProperty('metadata.labels.node')
    expect(patch).toMatchObject({
      metadata: {
        resourceVersion: '1',
        ownerReferences: [{ name: to.metadata.name, controller: true }],
        labels: { zone: 'b', old: null, 'machine-template-hash': to.metadata.labels?.['machine-template-hash'] },
      },
      spec: { class: { name: 'large' }, drainTimeout: '1h' },
    })
  })
})

describe('a deployment that is updated in place', () => {
  const strategy = { type: 'InPlaceUpdate' as const, inPlaceUpdate: { orchestrationType: 'Auto' as const } }

  it('is refused where machines join no cluster', () => {
    const observed = {
      deployment: deployment(1, { strategy }),
      sets: [],
      machinesOf: () => [],
      classTrouble: undefined,
    }
    const { actions, status } = decideMachineDeployment({ ...observed, hasTarget: false }, epoch)
    expect(actions).toEqual([])
    expect(status?.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message).toContain('InPlaceUpdate needs')
    expect(decideMachineDeployment(observed, epoch).actions).toMatchObject([{ kind: 'create-set' }])
  })

  it('replaces nothing while nodes are not known', () => {
    const three = deployment(3)
    const set = setFor(three, 3)
    const template = { ...three.spec?.template, spec: { class: { kind: 'MachineClass', name: 'large' } } }
    const machinesOf = () =>
      Array.from({ length: 3 }, (_, index) => launched('Running', { metadata: { name: `${index}` } }))
    const observed = {
      deployment: deployment(3, { strategy, template }),
      sets: [set],
      machinesOf,
      classTrouble: undefined,
    }
    expect(decideMachineDeployment(observed, epoch).actions).toEqual([])
  })

  it.each<{ change: string; replicas: number; wanted: Record<string, number> }>([
    { change: 'nothing', replicas: 3, wanted: {} },
    { change: 'growth', replicas: 5, wanted: { newest: 3 } },
    { change: 'shrinkage', replicas: 1, wanted: { old: 2, newest: 0 } },
  ])('keeps what the update added while nodes are not known, upon $change', ({ replicas, wanted }) => {
    const three = deployment(3)
    const template = { ...three.spec?.template, spec: { class: { kind: 'MachineClass', name: 'large' } } }
    const large = deployment(3, { strategy, template })
    const [old, newest] = [setFor(three, 3), setFor(large, 1, 60)]
    const observed = {
      deployment: { ...large, spec: { ...large.spec, template, replicas } },
      sets: [old, newest],
      machinesOf: (set: MachineSet) => members(set, set.spec?.replicas ?? 0),
      classTrouble: undefined,
    }
    const { actions } = decideMachineDeployment(observed, epoch)
    const names = { [old.metadata.name]: 'old', [newest.metadata.name]: 'newest' }
    const scaled = actions.flatMap((action) =>
      action.kind === 'scale-set' && action.from !== action.to ? [[names[action.set.metadata.name], action.to]] : [],
    )
    expect(Object.fromEntries(scaled)).toEqual(wanted)
  })
})
