import type { Shoot } from '@trellis/api/garden/shoot'
import { describe, expect, it } from 'vitest'
import { storedShoot } from '../../testing/shoot-world.ts'
import { decide } from './decide.ts'

type State = NonNullable<NonNullable<Shoot['status']>['lastOperation']>['state']

function shoot(change: {
  readonly metadata?: Partial<Shoot['metadata']>
  readonly state?: State
  readonly type?: 'Create' | 'Reconcile' | 'Delete'
  readonly observed?: number
  readonly seedName?: string
  readonly tasks?: boolean
}): Shoot {
  const base = storedShoot()
  const { state, type = 'Create' } = change
  const lastOperation = state && { type, state, progress: 0, description: '', lastUpdateTime: '2026-06-01T00:00:00Z' }
  return {
    ...base,
    metadata: { ...base.metadata, ...change.metadata },
    spec: { ...base.spec, seedName: change.seedName ?? 'local' },
    status: {
      ...(lastOperation && { lastOperation }),
      ...(change.observed !== undefined && { observedGeneration: change.observed }),
      ...(change.tasks && { tasks: [] }),
    },
  }
}

const hour = 3_600_000
/** An hour after the last operation. */
const now = Date.parse('2026-06-01T01:00:00Z')
const deleting = { deletionTimestamp: '2026-06-01T00:00:00Z', finalizers: ['gardener'] }
const asked = (operation: string) => ({ annotations: { 'gardener.cloud/operation': operation } })

describe('decide', () => {
  it.each([
    { name: "another seed's shoot", shoot: shoot({ seedName: 'other' }), is: { kind: 'ignore' } },
    {
      name: 'a new shoot',
      shoot: shoot({}),
      is: { kind: 'operate', type: 'Create', run: 'Create uid-of-first generation 1', fresh: false, newCycle: true },
    },
    {
      name: 'a creation that was interrupted',
      shoot: shoot({ state: 'Processing' }),
      is: { kind: 'operate', type: 'Create', run: 'Create uid-of-first generation 1', fresh: false },
    },
    {
      name: 'a creation that failed for now',
      shoot: shoot({ state: 'Error', observed: 1, tasks: true }),
      is: { kind: 'operate', type: 'Create', newCycle: false },
    },
    {
      name: 'a creation that failed for good',
      shoot: shoot({ state: 'Failed', observed: 1, tasks: true }),
      is: { kind: 'failed' },
    },
    {
      name: 'a spec that was refused: what it refers to may have changed',
      shoot: shoot({ state: 'Failed', observed: 1 }),
      is: { kind: 'operate', type: 'Create' },
    },
    {
      name: 'a creation that failed, with a new spec',
      shoot: shoot({ state: 'Failed', observed: 1, tasks: true, metadata: { generation: 2 } }),
      is: { kind: 'operate', type: 'Create', run: 'Create uid-of-first generation 2', newCycle: true },
    },
    {
      name: 'a shoot that is up',
      shoot: shoot({ state: 'Succeeded', observed: 1 }),
      is: { kind: 'care', dueMilliseconds: 23 * hour },
    },
    {
      name: 'a shoot that is up, with a new spec',
      shoot: shoot({ state: 'Succeeded', observed: 1, metadata: { generation: 2 } }),
      is: { kind: 'operate', type: 'Reconcile', run: 'Reconcile uid-of-first generation 2', fresh: true },
    },
    {
      name: 'a shoot that somebody wants reconciled',
      shoot: shoot({ state: 'Succeeded', observed: 1, metadata: asked('reconcile') }),
      is: { kind: 'operate', type: 'Reconcile', fresh: true, newCycle: true },
    },
    {
      name: 'a failed shoot that somebody wants tried again',
      shoot: shoot({ state: 'Failed', observed: 1, tasks: true, metadata: asked('retry') }),
      is: { kind: 'operate', type: 'Create', fresh: false, newCycle: true },
    },
    {
      name: 'a shoot to be deleted',
      shoot: shoot({ state: 'Succeeded', observed: 1, metadata: deleting }),
      is: { kind: 'operate', type: 'Delete', run: 'Delete uid-of-first', newCycle: true },
    },
    {
      name: 'a deletion that failed before',
      shoot: shoot({ type: 'Delete', state: 'Failed', observed: 1, tasks: true, metadata: deleting }),
      is: { kind: 'operate', type: 'Delete', newCycle: false },
    },
    {
      name: 'a shoot to be deleted of which nothing was made',
      shoot: shoot({ metadata: { ...deleting, finalizers: ['other'] } }),
      is: { kind: 'ignore' },
    },
  ])('$name', ({ shoot: given, is }) => {
    expect(decide(given, 'local', now)).toMatchObject(is)
  })

  it('reconciles a shoot that is up once a day, and no other by itself', () => {
    const day = now + 23 * hour
    const up = shoot({ state: 'Succeeded', observed: 1 })
    expect(decide(up, 'local', day - 1)).toEqual({ kind: 'care', dueMilliseconds: 1 })
    expect(decide(up, 'local', day)).toMatchObject({ kind: 'operate', type: 'Reconcile', fresh: true, newCycle: true })
    expect(decide(shoot({ state: 'Failed', observed: 1, tasks: true }), 'local', day)).toEqual({ kind: 'failed' })
  })

  it('stays with the seed that runs the control plane', () => {
    const moved = shoot({ seedName: 'other' })
    moved.status = { ...moved.status, seedName: 'local' }
    expect(decide(moved, 'local', now).kind).toBe('operate')
    expect(decide(moved, 'other', now).kind).toBe('ignore')
  })
})
