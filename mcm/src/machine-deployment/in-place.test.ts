import { describe, expect, it } from 'vitest'
import { effectOf, pool, running, type Short, updated, updating } from '../../testing/in-place-pool.ts'
import { callOff, type InPlaceRollout, inPlaceStep } from './in-place.ts'

/** A step in words. */
function said(rollout: Omit<InPlaceRollout, 'chooses' | 'paused'> & Partial<InPlaceRollout>): readonly string[] {
  const { disable, moves, scaling, nodes } = inPlaceStep({ chooses: true, paused: false, ...rollout })
  return [
    ...disable.map(({ metadata }) => `disable ${metadata.name}`),
    ...moves.map(({ machine }) => `move ${machine.metadata.name}`),
    ...[...scaling].map(([name, count]) => `scale ${name} to ${count}`),
    ...nodes.map(({ node, patch }) => `${effectOf(patch)} ${node.metadata.name}`),
  ]
}

describe('inPlaceStep', () => {
  it.each<{
    why: string
    replicas?: number
    surge?: number
    unavailable?: number
    old: readonly Short[]
    wantedOld?: number
    here?: readonly Short[]
    wantedHere?: number
    rest?: Partial<InPlaceRollout>
    enabled?: boolean
    says: readonly string[]
  }>([
    {
      why: 'first the old set may make no machines',
      old: [['Running']],
      enabled: true,
      replicas: 1,
      says: ['disable old'],
    },
    {
      why: 'announces and chooses in one write',
      old: [['Running'], ['Running'], ['Running']],
      says: ['choose old-0', 'announce old-1', 'announce old-2'],
    },
    {
      why: 'announces only, by hand',
      old: [['Running'], running, running],
      rest: { chooses: false },
      says: ['announce old-0'],
    },
    { why: 'chooses no more than allowed', old: [updating, running, running], says: [] },
    { why: 'counts what is drained', old: [['Running', 'cs', 'SelectedForUpdate'], running, running], says: [] },
    { why: 'counts what is ill', old: [['Unknown', 'c'], running, running], says: [] },
    {
      why: 'chooses more than whole batches',
      old: [updating, running, running],
      wantedOld: 3,
      here: [['Running'], ['Running']],
      wantedHere: 2,
      replicas: 5,
      unavailable: 2,
      says: ['choose old-1'],
    },
    {
      why: 'chooses no more than the new set lacks',
      old: [running, running],
      wantedOld: 2,
      here: [['Running'], ['Running'], ['Running']],
      wantedHere: 3,
      replicas: 4,
      surge: 1,
      unavailable: 3,
      says: ['choose old-0'],
    },
    {
      why: 'does not count on a new machine that is not there yet',
      old: [running, running, running],
      here: [['Pending']],
      wantedHere: 1,
      surge: 1,
      unavailable: 0,
      says: [],
    },
    { why: 'moves what was updated', old: [updated, running, running], says: ['move old-0'] },
    {
      why: 'counts what has come, then opens it',
      old: [running, running],
      wantedOld: 3,
      here: [updated],
      says: ['scale new to 1', 'scale old to 2', 'return new-0'],
    },
    {
      why: 'opens what is counted already',
      old: [running, running],
      wantedOld: 2,
      here: [updated],
      wantedHere: 1,
      says: ['return new-0'],
    },
    {
      why: 'makes a machine for one that is lost',
      old: [running, running],
      wantedOld: 3,
      says: ['scale new to 1', 'scale old to 2'],
    },
    {
      why: 'makes machines anew that got no server',
      old: [[''], ['CrashLoopBackOff'], running],
      says: ['scale old to 1'],
    },
    {
      why: 'keeps the surplus while it is needed',
      old: [running],
      wantedOld: 1,
      here: [['Running'], ['Running'], ['InPlaceUpdateSuccessful']],
      wantedHere: 3,
      surge: 1,
      unavailable: 0,
      says: [],
    },
    {
      why: 'deletes the surplus in the end',
      old: [running],
      wantedOld: 1,
      here: [['Running'], ['Running'], ['Running']],
      wantedHere: 3,
      surge: 1,
      unavailable: 0,
      says: ['scale old to 0'],
    },
    {
      why: 'frees what needs no update any more',
      old: [],
      wantedOld: 0,
      here: [running, ['Running', 'cs', 'SelectedForUpdate'], updating],
      wantedHere: 3,
      says: ['free new-0', 'free new-1'],
    },
    { why: 'paused: chooses nothing', old: [running, running, running], rest: { paused: true }, says: [] },
    {
      why: 'paused: completes',
      old: [updated, running],
      wantedOld: 2,
      here: [updated],
      wantedHere: 0,
      rest: { paused: true },
      says: ['move old-0', 'scale new to 1', 'return new-0'],
    },
  ])(
    '$why',
    ({
      old,
      here = [],
      wantedOld = 3,
      wantedHere = 0,
      replicas = 3,
      surge = 0,
      unavailable = 1,
      rest,
      enabled,
      says,
    }) => {
      const { view, lookup } = pool()
      const rollout = {
        replicas,
        bounds: { maxSurge: surge, maxUnavailable: unavailable },
        old: [view('old', enabled ? 1 : wantedOld, old, !enabled)],
        newest: view('new', wantedHere, here, false, 10),
        lookup,
        ...rest,
      }
      expect(said(rollout)).toEqual(says)
    },
  )
})

describe('callOff', () => {
  it('frees those that nobody began to update, returns those whose update is done, and awaits the rest', () => {
    const { view, lookup } = pool()
    const views = [view('old', 3, [running, updating, updated]), view('new', 1, [updated, ['Running']], false, 10)]
    const nodes = callOff(views, lookup)
    expect(nodes.map(({ node, patch }) => `${effectOf(patch)} ${node.metadata.name}`)).toEqual([
      'free old-0',
      'return old-2',
      'return new-0',
    ])
  })
})
