import type { Node } from '@trellis/api/core/node'
import type { CloudRoute } from '@trellis/cloudprovider/contract/cloud-network'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readyNode } from '../../testing/world.ts'
import { planRoutes, podRanges } from './plan.ts'

const node = (name: string, podCIDR?: string): Node => readyNode(name, podCIDR === undefined ? {} : { podCIDR })
const route = (destination: string, on?: string): CloudRoute =>
  on === undefined ? { id: destination, destination } : { id: destination, destination, node: on }

describe('planRoutes', () => {
  it('adds what is missing and keeps what is right', () => {
    const nodes = [node('a', '100.96.0.0/24'), node('b', '100.96.1.0/24'), node('new')]
    expect(planRoutes(nodes, [route('100.96.0.0/24', 'a')], undefined)).toEqual({
      remove: [],
      add: [{ destination: '100.96.1.0/24', node: 'b' }],
      keep: [{ destination: '100.96.0.0/24', node: 'a' }],
    })
  })

  it('takes away routes of nodes that are gone, and moves ranges', () => {
    const routes = [route('100.96.0.0/24', 'gone'), route('100.96.1.0/24', 'a'), route('100.96.2.0/24')]
    const plan = planRoutes([node('b', '100.96.1.0/24')], routes, undefined)
    expect(plan.remove).toEqual(routes)
    expect(plan.add).toEqual([{ destination: '100.96.1.0/24', node: 'b' }])
  })

  it('completes a route that parts of the network lack, and takes it away where its node is gone', () => {
    const partial = { ...route('100.96.0.0/24', 'a'), partial: true } as const
    expect(planRoutes([node('a', '100.96.0.0/24')], [partial], undefined)).toEqual({
      remove: [],
      add: [{ destination: '100.96.0.0/24', node: 'a' }],
      keep: [],
    })
    expect(planRoutes([node('b', '100.96.0.0/24')], [partial], undefined).remove).toEqual([partial])
  })

  it('leaves routes outside the range of the cluster alone', () => {
    const routes = [route('10.9.0.0/16', 'x'), route('100.96.2.0/24', 'x')]
    expect(planRoutes([], routes, '100.96.0.0/16').remove).toEqual([routes[1]])
  })

  it('ignores nodes that are being deleted, and gives a range to the older of two', () => {
    const aged = (name: string, creationTimestamp: string): Node => {
      const object = node(name, '100.96.0.0/24')
      return { ...object, metadata: { ...object.metadata, creationTimestamp } }
    }
    const nodes = [aged('a', '2026-01-02T00:00:00Z'), aged('b', '2026-01-01T00:00:00Z')]
    expect(planRoutes(nodes, [], undefined).add).toEqual([{ destination: '100.96.0.0/24', node: 'b' }])
    const leaving = nodes.map((one) => ({ ...one, metadata: { ...one.metadata, deletionTimestamp: 'now' } }))
    expect(planRoutes(leaving, [], undefined).add).toEqual([])
  })

  it('is done once its plan was carried out', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd')
    const ranges = fc.integer({ min: 0, max: 5 }).map((third) => `100.96.${third}.0/24`)
    const nodes = fc.uniqueArray(fc.record({ name: names, podCIDR: fc.option(ranges, { nil: undefined }) }), {
      selector: ({ name }) => name,
    })
    const routes = fc.uniqueArray(fc.record({ destination: ranges, on: fc.option(names, { nil: undefined }) }), {
      selector: ({ destination }) => destination,
    })
    fc.assert(
      fc.property(nodes, routes, (someNodes, someRoutes) => {
        const cluster = someNodes.map(({ name, podCIDR }) => node(name, podCIDR))
        const before = someRoutes.map(({ destination, on }) => route(destination, on))
        const { remove, add, keep } = planRoutes(cluster, before, undefined)
        const after = [
          ...before.filter((one) => !remove.includes(one)),
          ...add.map((request) => ({ id: `new-${request.destination}`, ...request })),
        ]
        expect(new Set(after.map(({ destination }) => destination)).size).toBe(after.length)
        const again = planRoutes(cluster, after, undefined)
        expect([again.remove, again.add]).toEqual([[], []])
        expect(again.keep).toHaveLength(add.length + keep.length)
      }),
    )
  })
})

it('reads both ways to write the ranges of a node, IPv4 only', () => {
  expect(podRanges(readyNode('a', { podCIDRs: ['100.96.0.0/24', 'fd00::/64'] }))).toEqual(['100.96.0.0/24'])
  expect(podRanges(readyNode('a', { podCIDR: '100.96.0.5/24' }))).toEqual(['100.96.0.0/24'])
  expect(podRanges(readyNode('a'))).toEqual([])
})
