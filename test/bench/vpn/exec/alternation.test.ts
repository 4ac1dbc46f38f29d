import { isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { alternate, summary } from './alternation.ts'

/** Packets go by the way that is chosen, unless they are `stuck` to one. */
function world(stuck?: 'direct' | 'tunnel') {
  const state = { way: 'tunnel', packets: 0, now: 0, order: [] as string[] }
  return {
    state,
    turns: {
      ways: {
        direct: async () => {
          state.way = 'direct'
        },
        tunnel: async () => {
          state.way = 'tunnel'
        },
        directConnections: async () => state.packets,
      },
      count: 4,
      act: async () => {
        const way = stuck ?? state.way
        state.order.push(way)
        if (way === 'direct') state.packets += 7
        state.now += way === 'direct' ? 10 : 12
      },
      now: () => state.now,
      signal: new AbortController().signal,
    },
  }
}

describe('alternate', () => {
  it('changes which way is first, and leaves the tunnel in use', async () => {
    const { state, turns } = world()
    expect(await alternate(turns)).toEqual({ tunnel: [12, 12, 12, 12], direct: [10, 10, 10, 10] })
    const turn = ['tunnel', 'direct', 'direct', 'tunnel']
    expect(state.order).toEqual([...turn, ...turn])
    expect(state.way).toBe('tunnel')
  })

  it.each(['direct', 'tunnel'] as const)('refuses figures of packets that always go by the way %s', async (stuck) => {
    const { state, turns } = world(stuck)
    const error = await alternate(turns).catch((reason: unknown) => reason)
    expect(isFailure(error, 'Unavailable')).toBe(true)
    expect(state.way).toBe('tunnel')
  })

  it('ends when it is asked to', async () => {
    const { turns } = world()
    await expect(alternate({ ...turns, signal: AbortSignal.abort() })).rejects.toThrow('aborted')
  })
})

describe('summary', () => {
  it('compares neighbours, and tells how values are spread', () => {
    const tunnel = [11, 22, 33, 44, 55]
    const direct = [10, 20, 30, 40, 50]
    expect(summary({ tunnel, direct })).toEqual({
      tunnelSeconds: 0.033,
      directSeconds: 0.03,
      ratio: 1.1,
      distribution: {
        count: 5,
        tunnelMs: { least: 11, p10: 11, p25: 22, p50: 33, p75: 44, p90: 44, most: 55 },
        directMs: { least: 10, p10: 10, p25: 20, p50: 30, p75: 40, p90: 40, most: 50 },
      },
    })
  })
})
