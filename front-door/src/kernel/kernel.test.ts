import fc from 'fast-check'
import { parseIpAddress } from 'node-wireguard/address'
import { describe, expect, it } from 'vitest'
import type { Target } from '../destinations/destinations.ts'
import { type SourceKey, sourceKeyOf } from '../udp/source.ts'
import { activityBetween } from './activity.ts'
import { readBackendElements, readFlowElements } from './elements.ts'
import { emptyState, lastZone, planFlows, stateText, type WantedFlows } from './plan.ts'
import { rulesetText } from './ruleset.ts'

const source = (port: number) => ({ address: parseIpAddress('192.0.2.1'), port })
const target = (host: number, port = 51_820): Target => ({ address: parseIpAddress(`10.0.0.${host}`), port })
const wantedOf = (...flows: readonly (readonly [number, Target])[]): WantedFlows =>
  new Map(flows.map(([port, to]) => [sourceKeyOf(source(port)), { source: source(port), target: to }]))

describe('changes of the maps', () => {
  it('add targets before flows and take them away after', () => {
    const first = planFlows(emptyState, wantedOf([1, target(1)], [2, target(1)]), 9)
    expect(first.text.split('\n')).toEqual([
      'add element inet trellis_front_door backends4 { 10 : 10.0.0.1 . 51820 }',
      'add element inet trellis_front_door flows4 { 192.0.2.1 . 1 : 10 }',
      'add element inet trellis_front_door flows4 { 192.0.2.1 . 2 : 10 }',
      '',
    ])
    const moved = planFlows(first.state, wantedOf([1, target(2)], [2, target(1)]), first.lastUsed)
    expect(moved.text.split('\n')).toEqual([
      'add element inet trellis_front_door backends4 { 11 : 10.0.0.2 . 51820 }',
      'delete element inet trellis_front_door flows4 { 192.0.2.1 . 1 }',
      'add element inet trellis_front_door flows4 { 192.0.2.1 . 1 : 11 }',
      '',
    ])
    const gone = planFlows(moved.state, wantedOf([2, target(1)]), moved.lastUsed)
    expect(gone.text.split('\n')).toEqual([
      'delete element inet trellis_front_door flows4 { 192.0.2.1 . 1 }',
      'delete element inet trellis_front_door backends4 { 11 }',
      '',
    ])
  })

  it('go round after the last zone and pass over those in use', () => {
    const one = planFlows(emptyState, wantedOf([1, target(1)]), lastZone)
    expect(one.lastUsed).toBe(1)
    expect(planFlows(one.state, wantedOf([1, target(1)], [2, target(2)]), lastZone).lastUsed).toBe(2)
  })

  it('speak of the family of each', () => {
    const six = { address: parseIpAddress('fd00::1'), port: 5 }
    const wanted: WantedFlows = new Map([[sourceKeyOf(six), { source: six, target: six }]])
    expect(stateText(planFlows(emptyState, wanted, 0).state).split('\n')).toEqual([
      'add element inet trellis_front_door backends6 { 1 : fd00::1 . 5 }',
      'add element inet trellis_front_door flows6 { fd00::1 . 5 : 1 }',
      '',
    ])
  })

  it('arrive at what is wanted from wherever it was, and say nothing then', () => {
    const flows = fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 4 })))
    fc.assert(
      fc.property(fc.array(flows), (turns) => {
        let [state, lastUsed] = [emptyState, 0]
        for (const turn of turns) {
          const wanted = wantedOf(...turn.map(([port, host]) => [port, target(host)] as const))
          const plan = planFlows(state, wanted, lastUsed)
          state = plan.state
          lastUsed = plan.lastUsed
          for (const [key, { target: to }] of wanted)
            expect(state.zones.get(state.flows.get(key)?.zone ?? 0)).toEqual(to)
          expect(state.flows.size).toBe(wanted.size)
          expect(planFlows(state, wanted, lastUsed).text).toBe('')
        }
      }),
    )
  })
})

describe('listings of nft', () => {
  it('are read', () => {
    const flows =
      '{"nftables": [{"metainfo": {"json_schema_version": 1}}, {"map": {"family": "inet", "name": "flows4", "elem": [[{"elem": {"val": {"concat": ["10.9.0.2", 4444]}, "counter": {"packets": 1, "bytes": 32}}}, 7]], "stmt": [{"counter": null}]}}]}'
    expect([...readFlowElements(flows)]).toEqual([
      ['10.9.0.2 4444', { source: { address: '10.9.0.2', port: 4444 }, zone: 7, packets: 1, bytes: 32 }],
    ])
    const backends =
      '{"nftables": [{"metainfo": {}}, {"map": {"elem": [[7, {"concat": ["10.8.1.2", 5000]}], [9, {"concat": ["fd00::2", 5000]}]]}}]}'
    expect([...readBackendElements(backends)]).toEqual([
      [7, { address: '10.8.1.2', port: 5000 }],
      [9, { address: 'fd00::2', port: 5000 }],
    ])
  })

  it('of empty maps are empty, and anything else is refused', () => {
    expect(readFlowElements('{"nftables": [{"map": {"name": "flows4"}}]}').size).toBe(0)
    expect(() => readFlowElements('no')).toThrow(expect.objectContaining({ kind: 'Invalid' }))
    expect(() => readFlowElements('{"nftables": [{"map": {"elem": [[1, 2]]}}]}')).toThrow(
      expect.objectContaining({ kind: 'Invalid' }),
    )
  })
})

describe('activity', () => {
  const look = (...rows: readonly (readonly [string, number])[]) =>
    new Map(rows.map(([key, packets]) => [key as SourceKey, { packets, bytes: packets * 100 }]))

  it('is what counters have gained, from zero for those that are new or were made anew', () => {
    const before = look(['same', 5], ['more', 5], ['anew', 5], ['gone', 5])
    const after = look(['same', 5], ['more', 7], ['anew', 3], ['new', 1])
    expect(activityBetween(before, after)).toEqual({
      active: ['more', 'anew', 'new'],
      traffic: { packets: 6, bytes: 600 },
    })
  })
})

describe('the rules', () => {
  it('keep out of conntrack what is for the program, and forward nothing but what was translated', () => {
    const text = rulesetText({ port: 51_820, perNetwork: { perSecond: 7, burst: 9 } })
    expect(text).toContain('update @askers4 { ip saddr & 255.255.255.0 limit rate over 7/second burst 9 packets }')
    expect(text).toContain(
      'update @strangers6 { ip6 saddr & ffff:ffff:ffff:: limit rate over 7/second burst 9 packets }',
    )
    expect(text).toContain('udp sport 51820 notrack')
    expect(text).toContain('policy drop;\n    ct status dnat meta l4proto udp accept')
  })
})
