import { describe, expect, it } from 'vitest'
import { exampleServer } from '../testing/examples.ts'
import { flavorOf, requireQuota, usageOf } from './quota.ts'

const gibibyte = 2 ** 30
const limits = { servers: 2, cores: 3, memoryBytes: 5 * gibibyte }

describe('quota', () => {
  it('counts every server whatever its state', () => {
    const servers = [
      exampleServer({ flavor: 'small' }),
      exampleServer({ id: 'srv-2', flavor: 'small', state: 'deleting' }),
    ]
    expect(usageOf(servers, limits)).toEqual({
      servers: { limit: 2, used: 2 },
      cores: { limit: 3, used: 2 },
      memoryBytes: { limit: 5 * gibibyte, used: 4 * gibibyte },
    })
  })

  it.each([
    {
      reason: 'too many servers',
      used: ['small', 'small'],
      asked: 'small',
      quota: 'servers: limit 2, used 2, asked 1',
    },
    { reason: 'too many cores', used: ['medium'], asked: 'medium', quota: 'cores: limit 3, used 2, asked 2' },
    {
      reason: 'too much memory',
      used: ['medium'],
      asked: 'small',
      limits: { ...limits, memoryBytes: 5e9 },
      quota: `memoryBytes: limit 5000000000, used ${4 * gibibyte}, asked ${2 * gibibyte}`,
    },
  ])('refuses $reason', ({ used, asked, quota, limits: own }) => {
    const servers = used.map((flavor, index) => exampleServer({ id: `srv-${index}`, flavor }))
    const attempt = () => requireQuota(usageOf(servers, own ?? limits), flavorOf(asked))
    const [name, figures] = quota.split(': ')
    expect(attempt).toThrow(expect.objectContaining({ kind: 'Exhausted', field: 'flavor' }))
    expect(attempt).toThrow(`quota ${name} is used up: ${figures}`)
  })

  it('lets the last one in', () => {
    expect(() => requireQuota(usageOf([exampleServer({ flavor: 'small' })], limits), flavorOf('small'))).not.toThrow()
  })

  it('lists the flavors when there is none of that name', () => {
    expect(() => flavorOf('huge')).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'flavor', remedy: 'choose one of small, medium, large' }),
    )
  })
})
