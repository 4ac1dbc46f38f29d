import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { createShortages } from '../safety/shortages.ts'
import { chooseClass, describeAvoided, parseClasses } from './class-choice.ts'

const error = new Failure('Exhausted', 'no stock')

function shortagesFor(seed = 'shortages') {
  const clock = createVirtualClock(epoch)
  const shortages = createShortages({ clock, random: createSeededRandom(seed) }, 600_000)
  const turns: string[] = []
  shortages.onTurn((machine) => turns.push(machine))
  return { clock, shortages, turns }
}

describe('the memory of shortages', () => {
  it('lets everybody ask until the cloud refuses, then nobody, then one', async () => {
    const { clock, shortages } = shortagesFor()
    expect(shortages.admit('small', '1', 'a')).toEqual({ kind: 'ask' })
    const until = shortages.refused('small', { version: '1', machine: 'a', error })
    expect(shortages.admit('small', '1', 'b')).toEqual({ kind: 'wait', milliseconds: until - epoch })
    expect(shortages.avoided('small')).toEqual({ className: 'small', until, reason: 'no stock' })
    expect(shortages.avoided('large')).toBeUndefined()
    await clock.advance(until - epoch)
    expect(['b', 'a', 'c'].map((name) => shortages.admit('small', '1', name).kind)).toEqual(['ask', 'wait', 'wait'])
    expect(shortages.admit('small', '1', 'b').kind).toBe('ask')
  })

  it('lets twice as many ask after each server, and forgets the shortage with the last', async () => {
    const { clock, shortages, turns } = shortagesFor()
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    for (const machine of names) shortages.refused('small', { version: '1', machine, error })
    await clock.advance(600_000)
    const ask = () => names.filter((name) => shortages.admit('small', '1', name).kind === 'ask')
    const rounds: number[] = []
    while (names.length > 0) {
      const asked = ask()
      rounds.push(asked.length)
      for (const name of asked) shortages.made('small', names.splice(names.indexOf(name), 1)[0] ?? '')
    }
    expect(rounds).toEqual([1, 2, 4])
    expect(turns.length).toBeGreaterThanOrEqual(6)
    expect(shortages.all()).toEqual([])
  })

  it('wakes one machine when a server is gone', () => {
    const { shortages, turns } = shortagesFor()
    for (const machine of ['a', 'b', 'c']) shortages.refused('small', { version: '1', machine, error })
    shortages.relieve()
    expect(turns).toEqual(['a'])
    expect(['a', 'b'].map((name) => shortages.admit('small', '1', name).kind)).toEqual(['ask', 'wait'])
    shortages.relieve()
    expect(turns).toEqual(['a'])
  })

  it('lets the next one ask when the one whose turn it is leaves', async () => {
    const { clock, shortages, turns } = shortagesFor()
    for (const machine of ['a', 'b']) shortages.refused('small', { version: '1', machine, error })
    await clock.advance(600_000)
    expect(shortages.admit('small', '1', 'a').kind).toBe('ask')
    shortages.leave('a')
    expect(turns).toEqual(['b'])
  })

  it('begins anew with a changed class', () => {
    const { shortages } = shortagesFor()
    shortages.refused('small', { version: '1', machine: 'a', error })
    expect(shortages.admit('small', '2', 'a')).toEqual({ kind: 'ask' })
  })

  it('never lets more than one ask while the cloud refuses, nor waits longer than the bound', async () => {
    const names = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 40 })
    const property = fc.asyncProperty(names, fc.string(), async (order, seed) => {
      const { clock, shortages } = shortagesFor(seed)
      shortages.refused('small', { version: '1', machine: 'z', error })
      for (const name of order) {
        const admission = shortages.admit('small', '1', name)
        if (admission.kind === 'wait') {
          expect(admission.milliseconds).toBeLessThanOrEqual(600_000)
          await clock.advance(admission.milliseconds)
          continue
        }
        for (const other of ['a', 'b', 'c', 'd'].filter((one) => one !== name)) {
          expect(shortages.admit('small', '1', other).kind).toBe('wait')
        }
        const until = shortages.refused('small', { version: '1', machine: name, error })
        expect(until - clock.now()).toBeLessThanOrEqual(600_000)
      }
    })
    await fc.assert(property, { numRuns: 50 })
  })
})

describe('the choice of a class', () => {
  it('is the first that may be tried', () => {
    expect(chooseClass(['a', 'b', 'c'], (name) => name !== 'a')).toBe('b')
    expect(chooseClass(['a'], () => false)).toBeUndefined()
  })
  it('reads lists', () => {
    expect(parseClasses(' b, c,,')).toEqual(['b', 'c'])
  })
  it('is told with the instant to the second', () => {
    expect(describeAvoided([{ className: 'a', until: epoch + 1, reason: 'no stock' }])).toBe(
      'no stock; class a is avoided until 2026-01-01T00:00:01Z',
    )
  })
})
