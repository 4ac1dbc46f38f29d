import { createSeededRandom, type Random } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { effectOf, pool, running, type Short, updated, updating } from '../../testing/in-place-pool.ts'
import { type InPlaceRollout, inPlaceStep } from './in-place.ts'
import { type Member, membersOf } from './in-place-members.ts'
import { type SetView, total } from './sets-view.ts'

describe('inPlaceStep', () => {
  it('keeps its promises in any situation', () => {
    const random = createSeededRandom('in place')
    let choices = 0
    let shrinks = 0
    for (let round = 0; round < 5000; round++) {
      const { rollout, views } = anySituation(random)
      const step = inPlaceStep(rollout)
      const before = views.flatMap((view) => membersOf(view, rollout.lookup))
      expectBounds(rollout, before, step)
      const names = step.nodes.map(({ node }) => node.metadata.name)
      expect(new Set(names).size).toBe(names.length)
      choices += step.nodes.some(({ patch }) => effectOf(patch) === 'choose') ? 1 : 0
      shrinks += rollout.old.some(({ name, wanted }) => (step.scaling.get(name) ?? wanted) < wanted) ? 1 : 0
    }
    // Otherwise the promises would be empty.
    expect(choices).toBeGreaterThan(100)
    expect(shrinks).toBeGreaterThan(100)
  })
})

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random.fraction() * items.length)]
  if (item === undefined) throw new TypeError('nothing to pick from')
  return item
}

function anySituation(random: Random) {
  const { view, lookup } = pool()
  const count = (most: number) => Math.floor(random.fraction() * (most + 1))
  const shorts: readonly Short[] = [
    running,
    ['Running'],
    updating,
    updated,
    ['Unknown', 'c'],
    ['Pending'],
    [''],
    ['CrashLoopBackOff'],
    ['Running', 'cs', 'SelectedForUpdate'],
    ['InPlaceUpdateFailed', 'cs', 'UpdateFailed'],
    ['InPlaceUpdateSuccessful'],
    running,
    running,
  ]
  const some = (most: number) => Array.from({ length: count(most) }, () => pick(random, shorts))
  const old = ['older', 'old'].map((name, age) => {
    const machines = some(4)
    return view(name, machines.length + count(1), machines, random.fraction() > 0.05, age)
  })
  const here = some(4)
  const newest = view('new', Math.max(0, here.length - count(2)) + count(1), here, false, 10)
  const maxSurge = count(2)
  const bounds = { maxSurge, maxUnavailable: maxSurge === 0 ? 1 + count(2) : count(2) }
  const rollout = {
    replicas: count(7),
    bounds,
    newest,
    old,
    chooses: random.fraction() > 0.2,
    paused: random.fraction() > 0.8,
    lookup,
  }
  return { rollout, views: [newest, ...old] }
}

function expectBounds(rollout: InPlaceRollout, before: readonly Member[], step: ReturnType<typeof inPlaceStep>): void {
  const { replicas, bounds, old, newest, paused, chooses } = rollout
  const steady = before.filter((member) => member.steady)
  const chosen = step.nodes.filter(({ patch }) => effectOf(patch) === 'choose')
  const least = Math.max(0, replicas - bounds.maxUnavailable)
  if (chosen.length > 0) {
    expect(paused || !chooses).toBe(false)
    expect(steady.length - chosen.length).toBeGreaterThanOrEqual(least)
    const names = new Set(steady.map(({ machine }) => machine.metadata.name))
    expect(chosen.every(({ node }) => names.has(node.metadata.name))).toBe(true)
    const updatingNow = old.flatMap((view) => membersOf(view, rollout.lookup)).filter((member) => member.updating)
    const here = step.scaling.get(newest.name) ?? newest.wanted
    expect(here + updatingNow.length + chosen.length).toBeLessThanOrEqual(replicas)
  }
  const size = (view: SetView) => Math.max(step.scaling.get(view.name) ?? view.wanted, view.existing)
  const most = Math.max(
    replicas + bounds.maxSurge,
    total([newest, ...old], ({ wanted, existing }) => Math.max(wanted, existing)),
  )
  expect(total([newest, ...old], size)).toBeLessThanOrEqual(most)
  expect(step.scaling.get(newest.name) ?? 0).toBeLessThanOrEqual(Math.max(replicas, newest.wanted))
  const losses = old.map((view) => {
    const idle = view.machines.filter(({ status }) => status?.currentStatus?.phase !== 'Running').length
    return Math.max(0, view.present - (step.scaling.get(view.name) ?? view.wanted) - idle)
  })
  const lost = losses.reduce((sum, loss) => sum + loss, 0)
  expect(steady.length - lost).toBeGreaterThanOrEqual(Math.min(least, steady.length))
  if (step.disable.length > 0) expect([step.moves.length, step.scaling.size, step.nodes.length]).toEqual([0, 0, 0])
  const owner = new Set(step.moves.map(({ machine }) => machine.metadata.name))
  expect(owner.size).toBe(step.moves.length)
  expect(step.moves.length).toBeLessThanOrEqual(Math.max(0, replicas - newest.present))
}
