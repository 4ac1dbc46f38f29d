import { InvariantError } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ConfigMap, configMap } from '../testing/kinds.ts'
import { createIndexer } from './indexer.ts'

const indexes = { value: ({ data }: ConfigMap) => Object.values(data ?? {}) }
const object = (name: string, value: string, version: string, uid = 'u') =>
  configMap('n', name, { value }, { resourceVersion: version, uid })

describe('indexer', () => {
  it('tells what is new, changed, the same and gone', () => {
    const indexer = createIndexer(indexes)
    const first = object('a', 'x', '1')
    const second = object('a', 'y', '2')
    expect(indexer.put(first)).toEqual([{ after: first }])
    expect(indexer.put(first)).toEqual([])
    expect(indexer.put(second)).toEqual([{ before: first, after: second }])
    expect(indexer.remove(second)).toEqual([{ before: second }])
    expect(indexer.remove(second)).toEqual([])
  })

  it('tells of an object made anew under the same name as of two', () => {
    const indexer = createIndexer(indexes)
    const first = object('a', 'x', '1', 'one')
    const second = object('a', 'x', '2', 'two')
    indexer.put(first)
    expect(indexer.put(second)).toEqual([{ before: first }, { after: second }])
  })

  it('takes a list for all there is', () => {
    const indexer = createIndexer(indexes)
    const [kept, changed, gone] = [object('kept', 'x', '1'), object('changed', 'x', '2'), object('gone', 'x', '3')]
    indexer.replaceAll([kept, changed, gone])
    const next = object('changed', 'y', '4')
    const added = object('added', 'z', '5')
    expect(indexer.replaceAll([kept, next, added])).toEqual([
      { before: gone },
      { before: changed, after: next },
      { after: added },
    ])
  })

  it('treats a question after an unknown index as a bug', () => {
    expect(() => createIndexer(indexes).byIndex('nothing', 'x')).toThrow(InvariantError)
  })

  it('keeps every index equal to a search through all objects', () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const value = fc.constantFrom('x', 'y')
    const step = fc.oneof(
      fc.record({ verb: fc.constant('put' as const), name, value }),
      fc.record({ verb: fc.constant('remove' as const), name, value }),
      fc.record({ verb: fc.constant('replaceAll' as const), names: fc.uniqueArray(name), value }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const indexer = createIndexer(indexes)
        const model = new Map<string, ConfigMap>()
        for (const [version, one] of steps.entries()) {
          if (one.verb === 'replaceAll') {
            const objects = one.names.map((each) => object(each, one.value, String(version)))
            indexer.replaceAll(objects)
            model.clear()
            for (const each of objects) model.set(each.metadata.name, each)
          } else if (one.verb === 'put') {
            const made = object(one.name, one.value, String(version))
            indexer.put(made)
            model.set(one.name, made)
          } else {
            indexer.remove(object(one.name, one.value, String(version)))
            model.delete(one.name)
          }
        }
        const byName = (objects: readonly ConfigMap[]) => objects.map(({ metadata }) => metadata.name).sort()
        expect(byName(indexer.list())).toEqual([...model.keys()].sort())
        expect(byName(indexer.list('n'))).toEqual([...model.keys()].sort())
        for (const wanted of ['x', 'y']) {
          const expected = [...model.values()].filter(({ data }) => data?.value === wanted)
          expect(byName(indexer.byIndex('value', wanted))).toEqual(byName(expected))
          expect(indexer.countByIndex('value', wanted)).toBe(expected.length)
        }
      }),
    )
  })
})
