import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseMessage, parseWhole } from './messages.ts'

const line = (value: object) => JSON.stringify({ '@level': 'info', '@module': 'tofu.ui', ...value })

describe('lines of OpenTofu', () => {
  it.each([
    [
      'an error',
      {
        type: 'diagnostic',
        diagnostic: { severity: 'error', summary: 'no', detail: 'quota', range: { filename: 'a' } },
      },
      { type: 'diagnostic', diagnostic: { severity: 'error', summary: 'no', detail: 'quota' } },
    ],
    [
      'something that was made',
      {
        type: 'apply_complete',
        hook: {
          resource: { addr: 'a.b[0]', module: '' },
          action: 'create',
          id_key: 'id',
          id_value: '7',
          elapsed_seconds: 1,
        },
      },
      { type: 'apply_complete', address: 'a.b[0]', action: 'create', id: '7' },
    ],
    [
      'a beginning',
      { type: 'apply_start', hook: { resource: { addr: 'a.b' }, action: 'delete' } },
      { type: 'apply_start', address: 'a.b', action: 'delete', id: undefined },
    ],
    [
      'outputs',
      { type: 'outputs', outputs: { network: { sensitive: false, type: 'string', value: 'n' }, key: { value: null } } },
      { type: 'outputs', outputs: { network: 'n', key: null } },
    ],
    ['anything else', { type: 'version', tofu: '1.12.6' }, { type: 'other' }],
  ])('tell of %s', (_what, value, message) => {
    expect(parseMessage(line(value))).toMatchObject(message)
  })

  it('may be anything without harm', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc
            .dictionary(fc.constantFrom('type', 'hook', 'diagnostic', 'outputs'), fc.jsonValue())
            .map((value) => JSON.stringify(value)),
        ),
        (text) => {
          expect(parseMessage(text)).toHaveProperty('type')
        },
      ),
    )
  })

  it('are refused as a whole when they must be JSON', () => {
    expect(parseWhole('{"a":1}', 'the plan')).toEqual({ a: 1 })
    expect(() => parseWhole('Error', 'the plan')).toThrowError(expect.objectContaining({ kind: 'Unavailable' }))
  })
})
