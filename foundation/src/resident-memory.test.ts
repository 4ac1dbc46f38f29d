import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createVirtualClock } from '../testing/virtual-clock.ts'
import { keepReturningMemory, type MemoryRange, programRanges } from './resident-memory.ts'

const smaps = `00400000-0082e000 r--p 00000000 fe:00 42                                 /usr/local/bin/node
Rss:                4280 kB
Anonymous:             0 kB
0082e000-03489000 r-xp 0042e000 fe:00 42                                 /usr/local/bin/node
Rss:               16300 kB
Anonymous:             0 kB
072a7000-07300000 r--p 06ea7000 fe:00 42                                 /usr/local/bin/node
Rss:                 356 kB
Anonymous:           356 kB
07300000-07400000 rw-p 06f00000 fe:00 42                                 /usr/local/bin/node
Rss:                1024 kB
Anonymous:             0 kB
07400000-07500000 r-xs 06f00000 fe:00 42                                 /usr/local/bin/node
Anonymous:             0 kB
7f8687dc0000-7f8687fd5000 r-xp 01627000 fe:00 43                         /usr/lib/libc.so.6
Anonymous:             0 kB
7f9c00000000-7f9c00100000 r--p 00000000 00:00 0
Anonymous:             0 kB
`

describe('what a process may let go of', () => {
  it('is what of its program and libraries cannot differ from their files', () => {
    expect(programRanges(smaps)).toEqual([
      { start: 0x400000n, length: 0x42e000n },
      { start: 0x82e000n, length: 0x2c5b000n },
      { start: 0x7f8687dc0000n, length: 0x215000n },
    ])
    expect(programRanges('')).toEqual([])
  })
})

describe('giving memory back', () => {
  const range: MemoryRange = { start: 4096n, length: 8192n }

  it('happens after the start and then now and then, until it is told to end', async () => {
    const clock = createVirtualClock()
    const calls: unknown[] = []
    const open = async () => ({ release: (one: MemoryRange) => calls.push(one), trim: () => calls.push('trim') })
    const returning = keepReturningMemory({ clock, open, ranges: async () => [range] })
    await clock.advance(11_999)
    expect(calls).toEqual([])
    await clock.advance(1)
    expect(calls).toEqual(['trim', range])
    await clock.advance(10_000)
    expect(calls).toEqual(['trim', range, 'trim', range])
    await returning[Symbol.asyncDispose]()
    await clock.advance(120_000)
    expect(calls).toHaveLength(4)
  })

  it('is left alone where there is no way', async () => {
    const clock = createVirtualClock()
    const open = () => Promise.reject(new TypeError('no such built-in module'))
    await using _ = keepReturningMemory({ clock, open, ranges: async () => [range] })
    await clock.advance(120_000)
  })

  it('makes a process of its own smaller and leaves it well', async () => {
    const program = `
      import { createHash } from 'node:crypto'
      import { readFileSync } from 'node:fs'
      import { openMemoryCalls, programRanges } from ${JSON.stringify(new URL('resident-memory.ts', import.meta.url).href)}
      const digest = () => createHash('sha256').update(JSON.stringify([1.5, 'text', new Intl.NumberFormat('de').format(1234567)])).digest('hex')
      const filePages = () => Number(/^RssFile:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1])
      const calls = await openMemoryCalls()
      const [before, digestBefore] = [filePages(), digest()]
      for (const range of programRanges(readFileSync('/proc/self/smaps', 'latin1'))) calls.release(range)
      calls.trim()
      console.log(JSON.stringify({ before, after: filePages(), same: digest() === digestBefore }))`
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const { before, after, same } = JSON.parse(stdout)
    expect(same).toBe(true)
    expect(after).toBeLessThan(before * 0.75)
  }, 30_000)
})
