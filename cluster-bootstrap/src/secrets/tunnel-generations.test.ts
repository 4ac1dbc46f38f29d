import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import {
  generationsIn,
  generationLifeMilliseconds as life,
  linkKeysIn,
  makeTunnelKeys,
  generationOverlapMilliseconds as overlap,
  planGenerations,
  type TunnelGeneration,
} from './tunnel-generations.ts'

const first = { number: 0, madeAt: 1000 }
const second = { number: 1, madeAt: 1000 + life }

describe('the generations of a tunnel’s keys', () => {
  it.each<[string, readonly TunnelGeneration[], number, readonly TunnelGeneration[]]>([
    ['begin with one', [], 1000, [first]],
    ['stay while they are young', [first], 999 + life, [first]],
    ['get a second beside the first when that is old', [first], 1000 + life, [first, second]],
    ['stay side by side for a while', [first, second], second.madeAt + overlap - 1, [first, second]],
    ['become one again when both ends have had the time', [first, second], second.madeAt + overlap, [second]],
    ['become one again also when nobody looked for long', [first, second], second.madeAt + 2 * life, [second]],
  ])('%s', (_, present, now, planned) => {
    expect(planGenerations(present, now)).toEqual(planned)
  })

  it('keep the keys that there are, and make those that there are not', () => {
    const random = createSeededRandom('generations')
    const one = makeTunnelKeys(random, [first])
    const both = makeTunnelKeys(random, [first, second], one)
    expect(generationsIn(both)).toEqual([first, second])
    expect(linkKeysIn(both, 0, 0)).toEqual(linkKeysIn(one, 0, 0))
    const all = [linkKeysIn(both, 0, 0), linkKeysIn(both, 1, 0), linkKeysIn(both, 0, 1), linkKeysIn(both, 1, 1)]
    expect(new Set(all.flatMap(({ seed, shoot }) => [seed.publicKey, shoot.publicKey])).size).toBe(8)
    expect(Object.keys(makeTunnelKeys(random, [second], both)).some((name) => name.startsWith('link-0-0'))).toBe(false)
  })

  it('are none in a Secret of another kind', () => {
    expect(generationsIn({})).toEqual([])
    expect(generationsIn({ 'generations.json': 'x' })).toEqual([])
  })
})
