import type { Deployment } from '@trellis/api/core/workload'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isServing, nextRolloutStep } from './rollout.ts'

type State = 'settled' | 'rolling' | 'unseen' | 'held' | 'held and broken'

function deployment(name: string, state: State): Deployment {
  const held = state.startsWith('held')
  const status = {
    observedGeneration: state === 'unseen' ? 1 : 2,
    // What is held has pods of before.
    updatedReplicas: state === 'settled' || state === 'unseen' ? 1 : 0,
    availableReplicas: state === 'rolling' || state === 'held and broken' ? 0 : 1,
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, generation: 2 },
    spec: { replicas: 1, paused: held, selector: {}, template: {} },
    status,
  }
}

const named = (states: readonly State[]) => states.map((state, index) => deployment(String(index), state))

describe('what is done next', () => {
  it.each<[string, readonly State[], object]>([
    ['nothing is there', [], { kind: 'done' }],
    ['nothing is held', ['settled', 'rolling'], { kind: 'done' }],
    ['all serve and are held', ['held', 'held'], { kind: 'release', name: '0', standIns: ['1'] }],
    ['the first is done', ['settled', 'held'], { kind: 'release', name: '1', standIns: ['0'] }],
    ['the first is being replaced', ['rolling', 'held'], { kind: 'wait', missing: '1 waits for 0' }],
    ['the first was just let go', ['unseen', 'held'], { kind: 'wait', missing: '1 waits for 0' }],
    ['another is new', ['held', 'rolling'], { kind: 'wait', missing: '0 waits for 1' }],
    ['one that is held serves nobody', ['rolling', 'held and broken'], { kind: 'release', name: '1', standIns: [] }],
    ['one is left that was held', ['held'], { kind: 'release', name: '0', standIns: [] }],
  ])('when %s', (_, states, step) => {
    expect(nextRolloutStep(named(states))).toEqual(step)
  })

  it('never takes the last that serves, and always comes to an end', () => {
    const state = fc.constantFrom<State>('settled', 'rolling', 'unseen', 'held', 'held and broken')
    fc.assert(
      fc.property(fc.array(state, { minLength: 2, maxLength: 4 }), (states) => {
        let now = [...states]
        for (let turn = 0; turn < 20; turn++) {
          const step = nextRolloutStep(named(now))
          if (step.kind === 'done') return
          if (step.kind === 'wait') {
            now = now.map((one) => (one === 'rolling' || one === 'unseen' ? 'settled' : one))
            continue
          }
          const index = Number(step.name)
          const serving = named(now).filter((one, other) => other !== index && isServing(one))
          if (now[index] === 'held') expect(serving.length).toBeGreaterThan(0)
          now[index] = 'rolling'
        }
        expect(now).toBe('at an end')
      }),
    )
  })
})
