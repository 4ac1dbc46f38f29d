import fc from 'fast-check'
import { expect, it } from 'vitest'
import { clientToken } from './client-token.ts'

const owned = { 'kubernetes.io/cluster/one': '1', 'kubernetes.io/role/node': '1' }

it('is the same whoever makes it, and fits EC2', () => {
  const token = clientToken(owned, 'machine-a', 0)
  expect(token).toMatch(/^[0-9a-f]{64}$/)
  expect(clientToken(Object.fromEntries(Object.entries(owned).reverse()), 'machine-a', 0)).toBe(token)
})

it('differs for each cluster, machine and incarnation', () => {
  const identity = fc.tuple(fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }), fc.string(), fc.nat(30))
  const property = fc.property(identity, identity, (one, other) => {
    const key = ([tags, name, incarnation]: typeof one) =>
      JSON.stringify([Object.entries(tags).sort(([left], [right]) => (left < right ? -1 : 1)), name, incarnation])
    expect(clientToken(...one) === clientToken(...other)).toBe(key(one) === key(other))
  })
  fc.assert(property)
})
