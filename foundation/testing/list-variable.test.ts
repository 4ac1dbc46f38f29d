import { describe, expect, it } from 'vitest'
import { readListVariable } from './list-variable.ts'

const read = (text: string | undefined) => readListVariable({ LAYERS: text }, 'LAYERS', 'any layers', '/a')

describe('readListVariable', () => {
  it('reads a list', () => {
    expect(read('["/a", "/b"]')).toEqual(['/a', '/b'])
  })

  it.each([undefined, '', '[]', '{}', '[1]', '["/a"'])('refuses %j and shows an example', (text) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        kind: 'Invalid',
        field: 'LAYERS',
        message: 'LAYERS does not list any layers',
        remedy: expect.stringContaining(`LAYERS='["/a"]'`),
      }),
    )
  })
})
