import { describe, expect, it } from 'vitest'
import { parseCidr } from '../address.ts'
import { createLostConnections, namesHere } from './lost-connections.ts'

const [pods, nodes] = [parseCidr('100.96.0.0/16'), parseCidr('10.250.0.0/16')]

describe('connections', () => {
  it('are lost when their home changes, not when it is first known or heard of no longer', () => {
    const lost = createLostConnections()
    expect(lost.since(new Map())).toEqual([])
    expect(lost.since(new Map([[pods, 'one']]))).toEqual([])
    expect(lost.since(new Map([[pods, 'one']]))).toEqual([])
    expect(lost.since(new Map())).toEqual([])
    expect(
      lost.since(
        new Map([
          [pods, 'two'],
          [nodes, 'two'],
        ]),
      ),
    ).toEqual([pods])
    expect(lost.since(new Map([[pods, 'two']]))).toEqual([])
    expect(lost.since(new Map([[nodes, 'one']]))).toEqual([nodes])
  })

  it('are sought by the names that networks have here', () => {
    const mapped = parseCidr('242.0.0.0/16')
    const translation = { own: [], remote: [{ real: nodes, mapped }] }
    expect(namesHere([pods, mapped], { translation })).toEqual([pods, nodes])
    expect(namesHere([pods, mapped], { translation: { ...translation, groupId: 65_532 } })).toEqual([pods])
  })
})
