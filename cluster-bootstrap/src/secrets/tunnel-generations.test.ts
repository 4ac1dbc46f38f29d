import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import {
  generationsIn,
  hasTunnelKeys,
  generationLifeMilliseconds as life,
  linkKeysIn,
  linkName,
  makeTunnelKeys,
  generationOverlapMilliseconds as overlap,
  planGenerations,
  type TunnelGeneration,
} from './tunnel-generations.ts'

const everyLink = [0, 1].flatMap((seedReplica) =>
  [0, 1].flatMap((shootReplica) => [0, 1].map((generation) => ({ seedReplica, shootReplica, generation }))),
)
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
    const one = makeTunnelKeys(random, { generations: [first], apiServerReplicas: 1 })
    const both = makeTunnelKeys(random, { generations: [first, second], apiServerReplicas: 2 }, one)
    expect(generationsIn(both)).toEqual([first, second])
    const place = { seedReplica: 0, shootReplica: 0, generation: 0 }
    expect(linkKeysIn(both, place)).toEqual(linkKeysIn(one, place))
    const all = everyLink.map((link) => linkKeysIn(both, link))
    expect(new Set(all.flatMap(({ seed, shoot }) => [seed.publicKey, shoot.publicKey])).size).toBe(16)
    const later = makeTunnelKeys(random, { generations: [second], apiServerReplicas: 1 }, both)
    expect(Object.keys(later).some((name) => name.startsWith('link-0-0'))).toBe(false)
  })

  it('are called as ever for one API server, and differ for each link', () => {
    expect(linkName({ seedReplica: 0, shootReplica: 1, generation: 7 })).toBe('link-1-7')
    expect(linkName({ seedReplica: 1, shootReplica: 0, generation: 7 })).toBe('seed-1-link-0-7')
    expect(new Set(everyLink.map(linkName)).size).toBe(everyLink.length)
  })

  it('are enough, or not, for another API server', () => {
    const one = { generations: [first], apiServerReplicas: 1 }
    const two = { ...one, apiServerReplicas: 2 }
    const random = createSeededRandom('enough')
    expect(hasTunnelKeys(makeTunnelKeys(random, one), one)).toBe(true)
    expect(hasTunnelKeys(makeTunnelKeys(random, one), two)).toBe(false)
    expect(hasTunnelKeys(makeTunnelKeys(random, two), one)).toBe(true)
  })

  it('are none in a Secret of another kind', () => {
    expect(generationsIn({})).toEqual([])
    expect(generationsIn({ 'generations.json': 'x' })).toEqual([])
  })
})
