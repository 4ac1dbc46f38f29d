import { describe, expect, it } from 'vitest'
import { identifiersOf, isEmpty, parseState } from './state-file.ts'

const state = (resources: readonly object[]) =>
  parseState(
    JSON.stringify({ version: 4, terraform_version: '1.12.6', serial: 3, lineage: 'l', outputs: {}, resources }),
  )

const instances = (...list: readonly object[]) => ({ mode: 'managed', type: 't', name: 'n', instances: list })

describe('a state', () => {
  it('names what it manages by address', () => {
    const read = state([
      instances({ schema_version: 0, attributes: { id: '1' } }),
      { ...instances({ index_key: 0, attributes: { id: '2' } }), name: 'counted' },
      { ...instances({ index_key: 'eu-1a/tcp', attributes: { id: '3' } }), name: 'each' },
      { ...instances({ attributes: { id: '4' } }), module: 'module.more' },
      { ...instances({ attributes: { id: '5' } }), mode: 'data', name: 'read' },
      { ...instances({ deposed: 'abc', attributes: { id: '6' } }), name: 'replaced' },
    ])
    expect(identifiersOf(read)).toEqual({
      't.n': '1',
      't.counted[0]': '2',
      't.each["eu-1a/tcp"]': '3',
      'module.more.t.n': '4',
    })
  })

  it('is empty only when nothing is managed, not even what waits for its deletion', () => {
    expect(isEmpty(undefined)).toBe(true)
    expect(isEmpty(state([]))).toBe(true)
    expect(isEmpty(state([{ ...instances({ attributes: { id: '5' } }), mode: 'data' }]))).toBe(true)
    expect(isEmpty(state([instances({ deposed: 'abc', attributes: { id: '6' } })]))).toBe(false)
  })

  it.each([
    ['half of one', '{"version":4,"serial":3,"lin'],
    ['nothing', ''],
    ['another format', '{"version":3,"serial":1,"lineage":"l","modules":[]}'],
  ])('is none: %s', (_what, text) => {
    expect(parseState(text)).toBeUndefined()
    expect(identifiersOf(parseState(text))).toEqual({})
  })
})
