import { describe, expect, it } from 'vitest'
import { type Plan, parsePlan, plannedChanges, plannedOutputs, summaryOf } from './plan.ts'

const plan = (address: string, actions: readonly string[], change: object = {}, mode = 'managed'): Plan =>
  parsePlan({ format_version: '1.2', resource_changes: [{ address, mode, type: 'x', change: { actions, ...change } }] })

describe('a plan', () => {
  it.each<[string, Plan, readonly object[]]>([
    ['makes', plan('a.b', ['create']), [{ action: 'create', what: 'a.b' }]],
    ['deletes', plan('a.b["z"]', ['delete']), [{ action: 'delete', what: 'a.b["z"]' }]],
    ['replaces what must go first', plan('a.b', ['delete', 'create']), [{ action: 'replace', what: 'a.b' }]],
    ['replaces what may go last', plan('a.b', ['create', 'delete']), [{ action: 'replace', what: 'a.b' }]],
    ['leaves alone', plan('a.b', ['no-op']), []],
    ['takes over', plan('a.b', ['no-op'], { importing: { id: '7' } }), []],
    ['forgets', plan('a.b', ['forget']), []],
    ['reads', plan('data.a.b', ['read'], {}, 'data'), []],
    [
      'changes, field by field',
      plan('a.b', ['update'], {
        before: { name: 'one', tags: ['x'], same: { a: 1 }, gone: 1, id: '7' },
        after: { name: 'two', tags: ['x', 'y'], same: { a: 1 }, id: '7' },
        after_unknown: { status: true, same: {} },
      }),
      [
        { action: 'update', what: 'a.b', field: 'gone' },
        { action: 'update', what: 'a.b', field: 'name' },
        { action: 'update', what: 'a.b', field: 'status' },
        { action: 'update', what: 'a.b', field: 'tags' },
      ],
    ],
    ['changes without saying what', plan('a.b', ['update']), [{ action: 'update', what: 'a.b' }]],
  ])('%s', (_what, input, changes) => {
    expect(plannedChanges(input)).toEqual(changes)
  })

  it('knows the outputs when there is nothing to do', () => {
    const outputs = { network: { sensitive: false, value: 'n' }, zone: { value: { a: 'x' } } }
    expect(plannedOutputs(parsePlan({ planned_values: { outputs } }))).toEqual({ network: 'n', zone: { a: 'x' } })
    expect(plannedOutputs(parsePlan({}))).toEqual({})
  })

  it('is refused when it is none', () => {
    expect(() => parsePlan({ resource_changes: [{ address: 7 }] })).toThrowError(
      expect.objectContaining({ kind: 'Invalid', field: 'resource_changes[0].change' }),
    )
  })

  it('is told in a line', () => {
    expect(summaryOf([])).toBe('nothing to change')
    expect(
      summaryOf([
        { action: 'update', what: 'a', field: 'x' },
        { action: 'update', what: 'a', field: 'y' },
        { action: 'create', what: 'b' },
        { action: 'create', what: 'c' },
      ]),
    ).toBe('create b, c; change a')
  })
})
