import { defineFlow } from '@trellis/flow/define-flow'
import { describe, expect, it } from 'vitest'
import { createShootWorld, exampleImages } from '../../testing/shoot-world.ts'
import { infrastructure } from '../tasks/infrastructure.ts'
import { namespace } from '../tasks/namespace.ts'
import { checkPlan, type Plan } from './check.ts'
import { makeCreateFlow } from './create-flow.ts'

const { blueprint } = createShootWorld().services
const plan: Plan = { blueprint, flow: makeCreateFlow(), images: exampleImages }
const networks = (change: Partial<typeof blueprint.networks>) => ({
  ...plan,
  blueprint: { ...blueprint, networks: { ...blueprint.networks, ...change } },
})

describe('checkPlan', () => {
  it('finds nothing wrong with a good plan', () => {
    expect(checkPlan(plan)).toEqual([])
  })

  it.each([
    { name: 'a missing image', given: { ...plan, images: { ...exampleImages, etcd: '' } }, field: 'images.etcd' },
    {
      name: 'nodes on an address of the tunnel',
      given: networks({ nodes: '192.168.0.0/16' }),
      field: 'spec.networking.nodes',
    },
    {
      name: 'pods on an address of the tunnel',
      given: networks({ pods: '192.168.123.0/24' }),
      field: 'spec.networking.pods',
    },
    {
      name: 'more nodes than ranges of pods',
      given: networks({ pods: '100.96.0.0/23' }),
      field: 'spec.networking.pods',
    },
    {
      name: 'a range of pods smaller than one node',
      given: networks({ pods: '100.96.0.0/26' }),
      field: 'spec.networking.pods',
    },
    {
      name: 'an output that nobody reads',
      given: { ...plan, flow: defineFlow('f', [namespace, infrastructure]) },
      field: 'flow.infrastructure',
    },
  ])('finds $name', ({ given, field }) => {
    expect(checkPlan(given).map((one) => one.field)).toContain(field)
  })

  it('counts nodes that are there only while others are replaced', () => {
    const [pool] = blueprint.pools
    if (pool === undefined) throw new TypeError('the example has a pool')
    const pools = (maxSurge: number | string) => [{ ...pool, worker: { ...pool.worker, maximum: 4, maxSurge } }]
    const tight = (maxSurge: number | string) =>
      checkPlan({
        ...networks({ pods: '100.96.0.0/22' }),
        blueprint: { ...networks({ pods: '100.96.0.0/22' }).blueprint, pools: pools(maxSurge) },
      })
    expect(tight(0)).toEqual([])
    expect(tight(1)).toHaveLength(1)
    expect(tight('25%')[0]?.message).toContain('room for 4 nodes')
  })
})
