import fc from 'fast-check'
import { parseIpAddress } from 'node-wireguard/address'
import { describe, expect, it } from 'vitest'
import { createFlowTable, type Flow } from './flow-table.ts'
import { sourceKeyOf } from './source.ts'

const limits = {
  sourcesPerDestination: 3,
  waitingPerDestination: 2,
  answeredMilliseconds: 1000,
  waitingMilliseconds: 100,
}
const source = (port: number) => ({ address: parseIpAddress('192.0.2.1'), port })
const key = (port: number) => sourceKeyOf(source(port))

describe('flows', () => {
  it('of one source and destination are one', () => {
    const table = createFlowTable(limits)
    const { flow } = table.begin(source(1), 'a', 0)
    expect(table.begin(source(1), 'a', 5).flow).toBe(flow)
    table.answer(flow, 6)
    expect(table.begin(source(1), 'a', 7).flow).toBe(flow)
  })

  it('leave a source with its destination until another one has answered it', () => {
    const table = createFlowTable(limits)
    const first = table.begin(source(1), 'a', 0).flow
    table.answer(first, 0)
    const second = table.begin(source(1), 'b', 1).flow
    expect(table.find(key(1))).toBe(first)
    expect(table.answer(second, 2)).toEqual([first])
    expect(table.find(key(1))).toBe(second)
    expect(table.all()).toEqual([second])
  })

  it('that wait make room, the oldest first, and never push out one that was answered', () => {
    const table = createFlowTable(limits)
    const answered = table.begin(source(1), 'a', 0).flow
    table.answer(answered, 0)
    const [oldest] = [2, 3].map((port) => table.begin(source(port), 'a', port).flow)
    expect(table.begin(source(4), 'a', 4).ended).toEqual([oldest])
    expect(table.find(key(1))).toBe(answered)
  })

  it('that were answered make room, the quietest first', () => {
    const table = createFlowTable(limits)
    const answer = (port: number, now: number): readonly Flow[] =>
      table.answer(table.begin(source(port), 'a', now).flow, now)
    for (const port of [1, 2, 3]) answer(port, port)
    const first = table.find(key(1))
    if (first !== undefined) table.touch(first, 10)
    expect(answer(4, 11).map((flow) => flow.source.port)).toEqual([2])
  })

  it('end after their time without a packet', () => {
    const table = createFlowTable(limits)
    table.answer(table.begin(source(1), 'a', 0).flow, 0)
    table.begin(source(2), 'a', 0)
    expect(table.expire(101).map((flow) => flow.source.port)).toEqual([2])
    expect(table.expire(1000)).toEqual([])
    expect(table.expire(1001).map((flow) => flow.source.port)).toEqual([1])
    expect(table.all()).toEqual([])
  })

  it('are never more than allowed, and each is found or replaced, whatever happens', () => {
    const step = fc.record({
      port: fc.integer({ min: 1, max: 8 }),
      to: fc.constantFrom('a', 'b'),
      answered: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const table = createFlowTable(limits)
        const living = new Set<Flow>()
        steps.forEach(({ port, to, answered }, now) => {
          const { flow, ended } = table.begin(source(port), to, now)
          living.add(flow)
          const more = answered ? table.answer(flow, now) : []
          for (const gone of [...ended, ...more]) expect(living.delete(gone)).toBe(true)
        })
        expect(new Set(table.all())).toEqual(living)
        for (const name of ['a', 'b']) {
          const mine = table.all().filter(({ destination }) => destination === name)
          expect(mine.filter(({ answered }) => answered).length).toBeLessThanOrEqual(limits.sourcesPerDestination)
          expect(mine.filter(({ answered }) => !answered).length).toBeLessThanOrEqual(limits.waitingPerDestination)
        }
      }),
    )
  })
})
