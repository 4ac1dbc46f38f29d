import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { choosePods, type Move, type MoveView, noteDetached, type OrderedPod, stageOf } from './moves.ts'

const ordered = (pod: string, changes: Partial<OrderedPod> = {}): OrderedPod => ({
  uid: `uid-${pod}`,
  pod,
  priority: 0,
  controller: undefined,
  volumes: [`volume-${pod}`],
  ...changes,
})
const many = (count: number) => Array.from({ length: count }, (_, index) => `volume-${index}`)

describe('choosePods', () => {
  const namesOf = (pods: readonly OrderedPod[]) => pods.map(({ pod }) => pod)

  it.each([
    {
      reason: 'unrelated volumes move together',
      candidates: [ordered('b'), ordered('a'), ordered('c')],
      moving: [],
      chosen: ['a', 'b', 'c'],
    },
    {
      reason: 'the more important ones first, and alone',
      candidates: [ordered('a'), ordered('b', { priority: 5 }), ordered('c', { priority: 5 })],
      moving: [],
      chosen: ['b', 'c'],
    },
    {
      reason: 'less important ones wait for more important ones that move',
      candidates: [ordered('a')],
      moving: [ordered('b', { priority: 5 })],
      chosen: [],
    },
    {
      reason: 'more important ones do not wait for less important ones',
      candidates: [ordered('a', { priority: 5 })],
      moving: [ordered('b')],
      chosen: ['a'],
    },
    {
      reason: 'a negative priority is one, too',
      candidates: [ordered('a', { priority: -5 }), ordered('b')],
      moving: [],
      chosen: ['b'],
    },
    {
      reason: 'siblings one at a time',
      candidates: [
        ordered('a', { controller: 's' }),
        ordered('b', { controller: 's' }),
        ordered('c', { controller: 't' }),
      ],
      moving: [],
      chosen: ['a', 'c'],
    },
    {
      reason: 'a sibling waits for the one that moves, and so do less important ones',
      candidates: [ordered('a', { controller: 's' }), ordered('b', { priority: -1 })],
      moving: [ordered('z', { controller: 's' })],
      chosen: [],
    },
    {
      reason: 'no more than ten volumes at a time',
      candidates: many(12).map((name) => ordered(name)),
      moving: [ordered('z', { volumes: ['x', 'y'] })],
      chosen: ['volume-0', 'volume-1', 'volume-10', 'volume-11', 'volume-2', 'volume-3', 'volume-4', 'volume-5'],
    },
    {
      reason: 'a pod with more than that goes alone',
      candidates: [ordered('a', { volumes: many(11) }), ordered('b')],
      moving: [],
      chosen: ['a'],
    },
    {
      reason: 'it does not begin beside others, and nobody overtakes it',
      candidates: [ordered('a', { volumes: many(11) }), ordered('b')],
      moving: [ordered('c')],
      chosen: [],
    },
  ])('$reason', ({ candidates, moving, chosen }) => {
    expect(namesOf(choosePods(candidates, moving))).toEqual(chosen)
  })
})

describe('stageOf', () => {
  const move: Move = { ...ordered('a'), detachBy: epoch + 150_000, returns: true }
  const view = (changes: { present?: boolean; here?: boolean; elsewhere?: boolean }): MoveView => ({
    present: new Set(changes.present === true ? ['uid-a'] : []),
    here: new Set(changes.here === true ? ['volume-a', 'other'] : ['other']),
    elsewhere: new Set(changes.elsewhere === true ? ['volume-a'] : []),
    reattachTimeoutMilliseconds: 90_000,
  })

  it.each([
    { reason: 'the pod stops', now: 0, changes: { present: true, here: true }, stage: 'leaving' },
    { reason: 'it does not stop', now: 150_000, changes: { present: true, here: true }, stage: 'overdue' },
    { reason: 'its volume is still here', now: 149_999, changes: { here: true }, stage: 'detaching' },
    { reason: 'its volume stays here', now: 150_000, changes: { here: true }, stage: 'overdue' },
    { reason: 'it is here and there', now: 0, changes: { here: true, elsewhere: true }, stage: 'detaching' },
    { reason: 'its volume is nowhere', now: 0, changes: {}, stage: 'reattaching' },
    { reason: 'its volume left too late', now: 150_000, changes: {}, stage: 'stranded' },
    { reason: 'its volume is there', now: 0, changes: { elsewhere: true }, stage: 'over' },
  ])('$reason: $stage', ({ now, changes, stage }) => {
    expect(stageOf(move, view(changes), epoch + now)).toBe(stage)
  })

  it('waits for the volume of a pod that returns for its time, from the moment it was detached', () => {
    const noted = noteDetached(move, view({}), epoch + 40_000)
    expect(noted.detachedAt).toBe(epoch + 40_000)
    expect(noteDetached(noted, view({}), epoch + 50_000)).toBe(noted)
    expect(stageOf(noted, view({}), epoch + 129_999)).toBe('reattaching')
    expect(stageOf(noted, view({}), epoch + 130_000)).toBe('stranded')
  })

  it('does not wait for what nobody will attach', () => {
    expect(stageOf({ ...move, returns: false }, view({}), epoch)).toBe('over')
  })
})
