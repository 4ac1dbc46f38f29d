import { expect, test } from 'vitest'
import { createGate } from './gate.ts'

test('lets the given number through and the rest in turn, failures included', async () => {
  const gate = createGate(2)
  const order: string[] = []
  const ends = [0, 1, 2, 3].map(() => Promise.withResolvers<void>())
  const works = ends.map((end, index) =>
    gate(async () => {
      order.push(`begin ${index}`)
      await end.promise
      order.push(`end ${index}`)
    }).catch(() => order.push(`failed ${index}`)),
  )
  expect(order).toEqual(['begin 0', 'begin 1'])
  ends[1]?.reject(new TypeError('broken'))
  await works[1]
  expect(order).toEqual(['begin 0', 'begin 1', 'begin 2', 'failed 1'])
  for (const end of ends) end.resolve()
  await Promise.all(works)
  expect(order.filter((entry) => entry.startsWith('end'))).toHaveLength(3)
})
