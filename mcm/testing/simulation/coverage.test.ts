import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import type { Action } from './actions.ts'
import { drawAction, drawThemes, themes } from './draws.ts'
import { type Outcome, tooRare } from './outcomes.ts'
import { scriptOf } from './run.ts'

/** Every kind of action, so that none can be added without being drawn; false for what only scenarios have. */
const drawn: Readonly<Record<Action['do'], boolean>> = {
  'create-deployment': true,
  'delete-deployment': true,
  scale: true,
  roll: true,
  strategy: true,
  'label-template': true,
  pause: true,
  'change-class': true,
  'delete-machine': true,
  'mark-machine': true,
  'delete-node': true,
  'label-node': true,
  'ready-node': true,
  'delete-server': true,
  'create-server': true,
  quota: true,
  'fail-next': true,
  app: true,
  outage: true,
  silence: true,
  'stateful-app': true,
  detaching: true,
  updates: true,
  'choose-node': true,
  'choose-all-nodes': true,
  'preserve-machine': true,
  'preserve-node': true,
  'auto-preserve': true,
  fallback: true,
  'limit-repair': true,
  'slip-in-machines': true,
  'tidy-up': false,
  unfreeze: true,
  'break-watches': true,
  'forget-history': true,
  crash: true,
  stop: true,
  start: false,
}

/** The seeds of the four shares. */
const scripts = Array.from({ length: 2000 }, (_, index) => scriptOf(String(1000 + index)))

describe('the seeds of the simulation', () => {
  it.each(Object.entries(drawn))('draw %s: %s, in many runs', (kind, isDrawn) => {
    const runs = scripts.filter(({ steps }) => steps.some((step) => step.do === kind)).length
    if (isDrawn) expect(runs).toBeGreaterThan(150)
    else expect(runs).toBe(0)
  })

  it('draw both ways of choosing machines to update, and each theme beside each other', () => {
    const ways = scripts.flatMap(({ steps }) =>
      steps.flatMap((step) =>
        step.do === 'strategy' && step.strategy.type === 'InPlaceUpdate'
          ? [step.strategy.inPlaceUpdate?.orchestrationType]
          : [],
      ),
    )
    expect(ways.filter((way) => way === 'Auto').length).toBeGreaterThan(400)
    expect(ways.filter((way) => way === 'Manual').length).toBeGreaterThan(200)
    const random = createSeededRandom('themes')
    const abouts = Array.from({ length: 2000 }, () => drawThemes(random))
    for (const one of themes) {
      for (const other of themes) {
        const both = abouts.filter((about) => about.includes(one) && about.includes(other)).length
        expect(both, `${one} with ${other}`).toBeGreaterThan(60)
      }
    }
  })

  it('draw what is special only for runs that are about it', () => {
    const random = createSeededRandom('usual')
    const kinds = new Set(Array.from({ length: 5000 }, () => drawAction(random).do))
    expect([...kinds].filter((kind) => kind.startsWith('preserve'))).toEqual([])
    const about = new Set(Array.from({ length: 5000 }, () => drawAction(random, ['preservation']).do))
    expect(about.has('preserve-node')).toBe(true)
  })
})

describe('what is worth meeting', () => {
  const none = tooRare(new Map(), 500)
  const [first = ''] = none[0]?.split(':') ?? []

  it('is missed where it does not come about', () => {
    expect(none.length).toBeGreaterThan(15)
    expect(first).toBe('updated in place')
  })

  it('is missed where it is too rare, and asked of few runs in proportion', () => {
    const rare = new Map<Outcome, number>(none.map((text) => [text.split(':')[0] as Outcome, 1000]))
    expect(tooRare(rare, 500)).toEqual([])
    rare.set('updated in place', 1)
    expect(tooRare(rare, 500)).toEqual(['updated in place: in 1 of 500 runs, not in 6'])
    expect(tooRare(rare, 25)).toEqual([])
    expect(tooRare(new Map(), 1)).toEqual([])
  })
})
