import { findCondition } from '@trellis/api/conditions'
import type { MachineTemplate } from '@trellis/api/machine/common'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { describe, expect, it } from 'vitest'
import { deployment, members, type Sized, setFor } from '../../testing/deployments.ts'
import { at, epoch } from '../../testing/objects.ts'
import { decideMachineDeployment, type MachineDeploymentAction } from './decide.ts'
import { newestPatch, newSetOf } from './new-set.ts'
import { viewOf } from './sets-view.ts'
import { sameTemplate, templateHash } from './template-hash.ts'
import { invalidity } from './validate.ts'

function text(action: MachineDeploymentAction): string {
  if (action.kind === 'scale-set') return `scale ${action.from} to ${action.to}`
  if (action.kind === 'create-set') return `create with ${action.set.spec?.replicas}`
  return action.kind
}

function decide(owner: MachineDeployment, sets: readonly (readonly [MachineSet, readonly Machine[]])[] = []) {
  return decideMachineDeployment(
    {
      deployment: owner,
      sets: sets.map(([set]) => set),
      machinesOf: (wanted) => sets.find(([set]) => set.metadata.uid === wanted.metadata.uid)?.[1] ?? [],
      classTrouble: undefined,
    },
    epoch,
  )
}

describe('the template', () => {
  const { template } = deployment(1).spec ?? { template: {} }

  it.each<{ reason: string; change: MachineTemplate; same: boolean }>([
    {
      reason: 'another class',
      change: { ...template, spec: { ...template.spec, class: { kind: 'MachineClass', name: 'x' } } },
      same: false,
    },
    { reason: 'another label', change: { ...template, metadata: { labels: { name: 'x' } } }, same: false },
    {
      reason: 'another kind of class',
      change: { ...template, spec: { ...template.spec, class: { ...template.spec?.class, kind: 'X' } } },
      same: true,
    },
    {
      reason: 'another node template',
      change: { ...template, spec: { ...template.spec, nodeTemplate: {} } },
      same: true,
    },
    { reason: 'another timeout', change: { ...template, spec: { ...template.spec, drainTimeout: '1m' } }, same: true },
    {
      reason: 'a hash label',
      change: { ...template, metadata: { labels: { name: 'pool', 'machine-template-hash': 'x' } } },
      same: true,
    },
  ])('$reason means the same machines: $same', ({ change, same }) => {
    expect(sameTemplate(template, change)).toBe(same)
    expect(templateHash(template) === templateHash(change)).toBe(same)
  })

  it('gets another hash when its name was taken', () => {
    expect(templateHash(template, 1)).not.toBe(templateHash(template))
    expect(templateHash(template)).toMatch(/^[a-z0-9]{10}$/)
  })

  it('makes a set that claims only its own machines', () => {
    const set = newSetOf(
      deployment(
        3,
        {},
        { metadata: { name: 'pool', annotations: { 'deployment.kubernetes.io/revision': '9', note: 'x' } } },
      ),
      [],
      2,
    )
    const hash = templateHash(template)
    expect(set).toMatchObject({
      metadata: {
        name: `pool-${hash.slice(0, 5)}`,
        labels: { name: 'pool', 'machine-template-hash': hash },
        annotations: {
          note: 'x',
          'deployment.kubernetes.io/revision': '1',
          'deployment.kubernetes.io/desired-replicas': '3',
          'deployment.kubernetes.io/max-replicas': '4',
        },
      },
      spec: {
        replicas: 2,
        selector: { matchLabels: { name: 'pool', 'machine-template-hash': hash } },
        template: { metadata: { labels: { name: 'pool', 'machine-template-hash': hash } } },
      },
    })
  })

  it('makes no machines again for those that were updated in place and belong to another set', () => {
    const owner = deployment(3)
    const base = setFor(owner, 3)
    const labels = { 'node.machine.sapcloud.io/scale-up-disabled': 'true' }
    const disabled = { ...base, metadata: { ...base.metadata, labels } }
    const counting = { now: epoch, minReady: 0, chosen: new Set<string>() }
    const enabled = { metadata: { labels: { 'node.machine.sapcloud.io/scale-up-disabled': null } } }
    const patchWith = (count: number) => newestPatch(owner, viewOf(disabled, members(disabled, count), counting), [])
    expect(patchWith(1)).toEqual({ ...enabled, spec: { replicas: 1 } })
    expect(patchWith(3)).toEqual(enabled)
    expect(newestPatch(owner, viewOf(base, [], counting), [])).toBeUndefined()
  })

  it('is carried into the newest set in place, where that is possible', () => {
    const before = deployment(3)
    const set = viewOf(setFor(before, 3), [], { now: epoch, minReady: 0, chosen: new Set() })
    expect(newestPatch(before, set, [])).toBeUndefined()
    const after = deployment(3, {
      minReadySeconds: 5,
      template: { ...template, spec: { ...template.spec, drainTimeout: '1m', nodeTemplate: {} } },
    })
    expect(newestPatch(after, set, [])).toEqual({
      spec: { minReadySeconds: 5, template: { spec: { drainTimeout: '1m', nodeTemplate: { metadata: null } } } },
    })
  })
})

describe('invalidity', () => {
  const template = deployment(1).spec?.template ?? {}
  it.each([
    { reason: 'sound', spec: {}, says: undefined },
    {
      reason: 'no class',
      spec: { template: { ...template, spec: {} } },
      says: 'spec.template.spec.class.kind must be set',
    },
    {
      reason: 'no name',
      spec: { template: { ...template, spec: { class: { kind: 'MachineClass' } } } },
      says: 'spec.template.spec.class.name must be set',
    },
    { reason: 'negative', spec: { replicas: -1 }, says: 'spec.replicas must not be negative' },
    { reason: 'empty selector', spec: { selector: {} }, says: 'spec.selector must select something' },
    {
      reason: 'foreign selector',
      spec: { selector: { matchLabels: { a: 'b' } } },
      says: 'spec.template.metadata.labels must have a=b, as spec.selector asks',
    },
    {
      reason: 'odd strategy',
      spec: { strategy: { type: 'Random' as 'Recreate' } },
      says: 'spec.strategy.type must be Recreate, RollingUpdate or InPlaceUpdate',
    },
    {
      reason: 'odd surge',
      spec: { strategy: { type: 'RollingUpdate' as const, rollingUpdate: { maxSurge: 'many' } } },
      says: 'spec.strategy.rollingUpdate.maxSurge must be a number or a percentage',
    },
  ])('$reason', ({ spec, says }) => {
    expect(invalidity(deployment(1, spec))?.message).toBe(says)
  })
})

describe('decideMachineDeployment', () => {
  const three = deployment(3)
  const set = setFor(three, 3)
  const changed = deployment(3, {
    template: {
      ...three.spec?.template,
      spec: { ...three.spec?.template.spec, class: { kind: 'MachineClass', name: 'large' } },
    },
  })

  it.each<{ reason: string; owner: MachineDeployment; sets: readonly Sized[]; wanted: readonly string[] }>([
    { reason: 'nothing there', owner: three, sets: [], wanted: ['create with 3'] },
    { reason: 'all there', owner: three, sets: [[set, members(set, 3)]] as const, wanted: [] },
    { reason: 'scaled', owner: deployment(5), sets: [[set, members(set, 3)]] as const, wanted: ['scale 3 to 5'] },
    { reason: 'another class', owner: changed, sets: [[set, members(set, 3)]] as const, wanted: ['create with 1'] },
    {
      reason: 'paused',
      owner: deployment(3, { ...changed.spec, paused: true }),
      sets: [[set, members(set, 3)]] as const,
      wanted: [],
    },
    {
      reason: 'paused, scaled',
      owner: deployment(4, { ...changed.spec, paused: true, replicas: 4 }),
      sets: [[set, members(set, 3)]] as const,
      wanted: ['scale 3 to 4'],
    },
    {
      reason: 'an update in place replaces nothing',
      owner: deployment(3, { ...changed.spec, strategy: { type: 'InPlaceUpdate' } }),
      sets: [[set, members(set, 3)]] as const,
      wanted: [],
    },
    {
      reason: 'unprotected',
      owner: deployment(3, {}, { metadata: { name: 'pool', finalizers: [] } }),
      sets: [],
      wanted: ['add-finalizer'],
    },
    { reason: 'invalid', owner: deployment(-1), sets: [], wanted: [] },
    {
      reason: 'an orphan',
      owner: three,
      sets: [[{ ...set, metadata: { ...set.metadata, ownerReferences: [] } }, []]] as const,
      wanted: ['adopt'],
    },
    {
      reason: 'deleted',
      owner: deployment(3, {}, { metadata: { name: 'pool', deletionTimestamp: at(0) } }),
      sets: [[set, []]] as const,
      wanted: ['delete-set'],
    },
    {
      reason: 'deleted, orphaning',
      owner: deployment(
        3,
        {},
        {
          metadata: {
            name: 'pool',
            deletionTimestamp: at(0),
            finalizers: ['orphan', 'machine.sapcloud.io/machine-controller-manager'],
          },
        },
      ),
      sets: [[set, []]] as const,
      wanted: ['remove-finalizer'],
    },
    {
      reason: 'deleted, last',
      owner: deployment(3, {}, { metadata: { name: 'pool', deletionTimestamp: at(0) } }),
      sets: [],
      wanted: ['remove-finalizer'],
    },
  ])('$reason', ({ owner, sets, wanted }) => {
    expect(decide(owner, sets).actions.map(text)).toEqual(wanted)
  })

  it('forgets old sets beyond the limit once all is done', () => {
    const limited = deployment(1, { revisionHistoryLimit: 0 })
    const old = setFor(changed, 0)
    const newest = {
      ...setFor(limited, 1, 60),
      metadata: {
        ...setFor(limited, 1, 60).metadata,
        annotations: { ...setFor(limited, 1).metadata.annotations, 'deployment.kubernetes.io/revision': '2' },
      },
    }
    expect(
      decide(limited, [
        [old, []],
        [newest, members(newest, 1)],
      ]).actions.map(text),
    ).toEqual(['delete-set'])
    expect(
      decide(limited, [
        [old, []],
        [newest, []],
      ]).actions.map(text),
    ).toEqual([])
  })

  it('tells the autoscaler when a rollout is under way and when it is over', () => {
    const reason = (status: MachineDeployment['status']) => findCondition(status?.conditions, 'Progressing')?.reason
    const done = decide(three, [[set, members(set, 3)]]).status
    expect(reason(done)).toBe('NewMachineSetAvailable')
    const next = setFor(changed, 1, 60)
    const rolling = decide({ ...changed, status: done ?? {} }, [
      [set, members(set, 3)],
      [next, members(next, 0)],
    ]).status
    expect(reason(rolling)).toBe('MachineSetUpdated')
    const paused = decide({ ...deployment(3, { paused: true }), status: done ?? {} }, [[set, members(set, 3)]]).status
    expect(findCondition(paused?.conditions, 'Progressing')).toMatchObject({
      status: 'Unknown',
      reason: 'DeploymentPaused',
    })
  })

  it('says when a rollout is stuck', () => {
    const impatient = deployment(3, { progressDeadlineSeconds: 60 })
    const stuck = {
      ...impatient,
      status: {
        conditions: [
          {
            type: 'Progressing' as const,
            status: 'True' as const,
            reason: 'MachineSetUpdated',
            lastUpdateTime: at(-61),
          },
        ],
      },
    }
    expect(findCondition(decide(stuck, [[set, []]]).status?.conditions, 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
    })
  })

  it('keeps the machines of a deployment that became invalid, and says what is wrong', () => {
    const { status } = decide(deployment(3, { selector: {} }), [[set, members(set, 3)]])
    expect(findCondition(status?.conditions, 'ReplicaFailure')).toMatchObject({
      reason: 'SelectingAll',
      message: 'spec.selector must select something',
    })
  })

  it('passes on why its set cannot make machines', () => {
    const condition = {
      type: 'ReplicaFailure' as const,
      status: 'True' as const,
      reason: 'FailedCreate',
      message: 'quota',
    }
    const sick = { ...set, status: { machineSetCondition: [condition] } }
    expect(findCondition(decide(three, [[sick, []]]).status?.conditions, 'ReplicaFailure')).toMatchObject({
      reason: 'FailedCreate',
      message: 'quota',
    })
  })

  it('writes its status once', () => {
    const sets = [[set, members(set, 3)]] as const
    const { status } = decide(three, sets)
    expect(status).toMatchObject({
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      unavailableReplicas: 0,
      observedGeneration: 1,
    })
    expect(decide({ ...three, status: status ?? {} }, sets).status).toBeUndefined()
  })
})
