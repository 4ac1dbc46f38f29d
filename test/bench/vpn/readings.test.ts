import { describe, expect, it } from 'vitest'
import { median, medianRatio, mergeResults } from '../statistics.ts'
import { memoryUseIn } from './memory-use.ts'
import { readOptions } from './options.ts'

describe('what the kernel sums up of a process', () => {
  const text = `5583b1a8e000-7ffd2f1f4000 ---p 00000000 00:00 0                          [rollup]
Rss:               73216 kB
Pss:               30000 kB
Private_Clean:      2048 kB
Private_Dirty:     20480 kB
Anonymous:         23552 kB
`

  it('is read in MiB', () => {
    expect(memoryUseIn(text)).toEqual({ rss: 71.5, pss: 29.296875, private: 22, anonymous: 23 })
  })

  it('is refused when something is missing', () => {
    expect(() => memoryUseIn('Rss: 1 kB\n')).toThrow(expect.objectContaining({ kind: 'Invalid' }))
  })
})

describe('figures', () => {
  it('are medians', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(3)
    expect(median([])).toBeNaN()
  })

  it('are compared within a round', () => {
    expect(medianRatio([10, 100, 9], [5, 50, 9])).toBe(2)
    expect(medianRatio([10, 100], [5])).toBe(2)
  })

  it('of one key are put together, whatever part they come from', () => {
    const merged = mergeResults([{ tunnel: { a: 1, list: [1] }, raw: {} }, { tunnel: { b: 2, list: [2] } }])
    expect(merged).toEqual({ tunnel: { a: 1, b: 2, list: [2] }, raw: {} })
  })
})

describe('options', () => {
  it('are all parts and variants in full size unless told', () => {
    expect(readOptions([])).toMatchObject({
      rounds: 7,
      parts: expect.arrayContaining(['streams']),
      variants: expect.arrayContaining(['tunnel', 'bare']),
    })
  })

  it('may be less', () => {
    const options = readOptions(['--quick', '--rounds', '3', '--parts', 'streams', '--variants', 'tunnel,bare'])
    expect(options).toMatchObject({ rounds: 3, streamSeconds: 1, parts: ['streams'], variants: ['tunnel', 'bare'] })
  })

  it.each([
    { args: ['--parts', 'all'], field: '--parts' },
    { args: ['--variants', 'raw,'], field: '--variants' },
    { args: ['--rounds', '0'], field: '--rounds' },
  ])('name what is wrong in $args', ({ args, field }) => {
    expect(() => readOptions(args)).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })
})
