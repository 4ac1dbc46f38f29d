import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { leastSpec } from '../testing/specs.ts'
import { parseProviderSpec } from './provider-spec.ts'
import { serverTags, type Tags, tagChanges } from './server-tags.ts'

const owned = { 'kubernetes.io/cluster/one': '1', 'kubernetes.io/role/node': '1' }

function wanted(tags: Tags): Tags {
  return serverTags('machine-a', parseProviderSpec({ ...leastSpec(), tags: { ...owned, ...tags } }))
}

/** Tags after the changes were made. */
function changed(present: Tags, target: Tags): Tags {
  const { set, unset } = tagChanges(present, target)
  const kept = Object.entries(present).filter(([key]) => !unset.includes(key))
  return { ...Object.fromEntries(kept), ...set }
}

describe('changes of tags', () => {
  it('are none when all is well, whatever others have added', () => {
    const tags = wanted({ colour: 'red' })
    expect(tagChanges({ ...tags, foreign: 'x' }, tags)).toEqual({ set: {}, unset: [] })
  })

  it('take away only what came from the class', () => {
    const present = { ...wanted({ colour: 'red', size: 'big' }), foreign: 'x', 'aws:autoscaling:groupName': 'y' }
    expect(tagChanges(present, wanted({ size: 'small' }))).toMatchObject({ set: { size: 'small' }, unset: ['colour'] })
  })

  it('take nothing away from a server that another manager made', () => {
    const present = { ...owned, Name: 'machine-a', colour: 'red' }
    expect(tagChanges(present, wanted({})).unset).toEqual([])
  })

  it('call the machine by its name, whatever the class says', () => {
    expect(wanted({ Name: 'other' }).Name).toBe('machine-a')
  })

  it('lead from any class to any other and back, past what others add', () => {
    const tags = fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.string({ maxLength: 5 }), { maxKeys: 5 })
    const foreign = fc.dictionary(fc.stringMatching(/^[A-Z]{4,6}$/), fc.string({ maxLength: 5 }), { maxKeys: 3 })
    const property = fc.property(tags, tags, foreign, (first, second, others) => {
      const there = changed({ ...wanted(first), ...others }, wanted(second))
      expect(there).toEqual({ ...wanted(second), ...others })
      expect(changed(there, wanted(first))).toEqual({ ...wanted(first), ...others })
    })
    fc.assert(property)
  })

  it('remember fifty keys in one tag', () => {
    const many = Object.fromEntries(Array.from({ length: 44 }, (_, index) => [`key-${index}`, 'x']))
    expect(wanted(many)['machine.sapcloud.io/class-tags']?.length).toBeLessThanOrEqual(256)
  })
})
