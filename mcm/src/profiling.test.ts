import { createSystemClock } from '@trellis/foundation/clock'
import { describe, expect, it } from 'vitest'
import { profilePages } from './profiling.ts'

const never = new AbortController().signal

async function take(path: string, query: string, signal = never) {
  const page = profilePages(createSystemClock(), signal)[path]
  return page?.(new URLSearchParams(query))
}

describe('profiles', () => {
  it('of the CPU are what developer tools read', async () => {
    const content = await take('/debug/pprof/profile', 'seconds=0.05')
    expect(JSON.parse(content?.body ?? '')).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array) })
  })

  it('of the heap are what developer tools read', async () => {
    const content = await take('/debug/pprof/heap', 'seconds=0.05')
    expect(JSON.parse(content?.body ?? '')).toMatchObject({ head: { children: expect.any(Array) } })
  })

  it('are taken one at a time', async () => {
    const stop = new AbortController()
    const page = profilePages(createSystemClock(), stop.signal)['/debug/pprof/profile']
    const first = page?.(new URLSearchParams('seconds=300'))
    await expect(page?.(new URLSearchParams('seconds=1'))).rejects.toMatchObject({ kind: 'Conflict' })
    stop.abort()
    expect((await first)?.body).toContain('nodes')
  })

  it.each(['0', '-1', '301', 'long'])('refuse %s seconds', async (seconds) => {
    await expect(take('/debug/pprof/heap', `seconds=${seconds}`)).rejects.toMatchObject({ field: 'seconds' })
  })
})
