import { findCondition } from '@trellis/api/conditions'
import type { MachineTemplate } from '@trellis/api/machine/common'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment, MachineDeploymentSpec } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched } from '../../testing/objects.ts'
import { deploymentOf } from '../../testing/rig.ts'
import { boundsOf } from './bounds.ts'
import { decideMachineDeployment, type MachineDeploymentAction } from './decide.ts'
import { newestPatch, newSetOf } from './new-set.ts'
import { firstReplicas, recreateStep, rollingStep, shareOut } from './rollout.ts'
import { type SetView, viewOf } from './sets-view.ts'
import { sameTemplate, templateHash } from './template-hash.ts'
import { invalidity } from './validate.ts'

const namespace = 'ns'

/** A set and its machines. */
type Sized = readonly [MachineSet, readonly Machine[]]

function deployment(
  replicas: number,
  spec: Partial<MachineDeploymentSpec> = {},
  changes: Partial<MachineDeployment> = {},
): MachineDeployment {
  const base = deploymentOf(namespace, 'pool', replicas, spec)
  return {
    ...base,
    ...changes,
    metadata: {
      ...base.metadata,
      uid: 'uid-pool',
      resourceVersion: '1',
      generation: 1,
      finalizers: ['machine.sapcloud.io/machine-controller-manager'],
      ...changes.metadata,
    },
  }
}

/** The set that a deployment would make, as if it had been made `age` seconds after the epoch. */
function setFor(owner: MachineDeployment, replicas: number, age = 0): MachineSet {
  const set = newSetOf(owner, [], replicas)
  return {
    ...set,
    metadata: { ...set.metadata, uid: `uid-${set.metadata.name}`, resourceVersion: '1', creationTimestamp: at(age) },
  }
}

function members(set: MachineSet, running: number, others: readonly Machine[] = []): readonly Machine[] {
  return [
    ...Array.from({ length: running }, (_, index) =>
      launched('Running', { metadata: { name: `${set.metadata.name}-${index}` } }),
    ),
    ...others,
  ]
}

function view(
  name: string,
  wanted: number,
  available = wanted,
  existing = Math.max(wanted, available),
  age = 0,
): SetView {
  const set = { ...setFor(deployment(1), wanted, age) }
  return {
    set: { ...set, metadata: { ...set.metadata, name } },
    name,
    wanted,
    available,
    ready: available,
    present: existing,
    existing,
    machines: [],
  }
}

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

  it('is carried into the newest set in place, where that is possible', () => {
    const before = deployment(3)
    const set = viewOf(setFor(before, 3), [])
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
    expect(invalidity(deployment(1, spec))).toBe(says)
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
  ])('$reason', ({ newest, old, wanted }) => {
    expect(
      Object.fromEntries(recreateStep({ replicas: 3, bounds: { maxSurge: 0, maxUnavailable: 3 }, newest, old: [old] })),
    ).toEqual(wanted)
  })
})

describe('shareOut', () => {
  it.each([
    { reason: 'one set takes all', views: [view('a', 3)], replicas: 5, wanted: { a: 5 } },
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
  ])('$reason', ({ views, replicas, wanted }) => {
    expect(Object.fromEntries(shareOut(replicas, 1, views))).toEqual(wanted)
  })

  it('shares out exactly what is allowed', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 5 }), (wanted, replicas, surge) => {
        const views = wanted.map((one, index) => view(`s${index}`, one, one, one, index))
        const scaling = shareOut(replicas, surge, views)
        const after = views.map((one) => scaling.get(one.name) ?? one.wanted)
        expect(after.reduce((sum, one) => sum + one, 0)).toBe(replicas === 0 ? 0 : replicas + surge)
        expect(Math.min(...after)).toBeGreaterThanOrEqual(0)
      }),
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
      reason: 'InvalidSpec',
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
