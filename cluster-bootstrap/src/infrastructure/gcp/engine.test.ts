import { type GoogleCloud, startGoogleCloud } from '@trellis/cloudprovider/gcp/testing/google-cloud'
import { Failure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import type { Moment } from '../../../testing/dying-process.ts'
import { leaveByCluster, thingsOf } from '../../../testing/google-things.ts'
import { createHastyClock } from '../../../testing/hasty-clock.ts'
import {
  describeInfrastructure,
  type InfrastructureHarness,
  type InfrastructureWish,
} from '../../../testing/infrastructure-conformance.ts'
import { infrastructureRequest } from '../../../testing/infrastructure-request.ts'
import type { InfrastructureRequest, InfrastructureState } from '../engine.ts'
import { createGoogleInfrastructure } from './engine.ts'

const clock = createHastyClock()
const region = 'europe-west1'
const nodes = '10.250.0.0/16'
const root = 'spec.provider.infrastructureConfig'

const changed = {
  networks: {
    workers: '10.250.0.0/19',
    internal: '10.251.0.0/16',
    cloudNAT: { enableDynamicPortAllocation: true, minPortsPerVM: 128, maxPortsPerVM: 4096 },
    flowLogs: { flowSampling: 0.5, aggregationInterval: 'INTERVAL_1_MIN' },
  },
}

function wishOf(cloud: GoogleCloud, cluster: string): InfrastructureWish {
  return {
    technicalId: `shoot--test--${cluster}`,
    region,
    zones: ['europe-west1-b'],
    networks: { nodes, pods: '100.96.0.0/16', services: '100.64.0.0/16' },
    configuration: { networks: { workers: '10.250.0.0/19' } },
    secret: cloud.identity.secret,
  }
}

async function openLaw(): Promise<InfrastructureHarness> {
  const cloud = await startGoogleCloud(clock)
  const request = (cluster: string) => wishOf(cloud, cluster)
  const remains = async (cluster: string) => {
    const itself = new RegExp(`test-*${cluster.replaceAll('-', '-?')}(?![0-9])`)
    return thingsOf(cloud).filter((one) => itself.test(one))
  }
  return {
    engine: (diesAt, when) => {
      const begun = breakAt(cloud, diesAt, when)
      const before = cloud.calls.length
      return {
        engine: createGoogleInfrastructure({ clock, endpoint: cloud.endpoint }),
        calls: begun,
        writes: () => cloud.calls.slice(before).filter((id) => !/\.(get|list|wait)$/.test(id)).length,
      }
    },
    moments: ['before', 'after'],
    request,
    changed: (cluster) => ({ ...request(cluster), configuration: changed }),
    remains,
    leaveBehind: async (cluster) => leaveByCluster(cloud, request(cluster).technicalId),
    [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
  }
}

async function open() {
  const cloud = await startGoogleCloud(clock)
  let saved: InfrastructureState = {}
  const save = async (state: InfrastructureState) => {
    saved = state
  }
  return {
    cloud,
    engine: createGoogleInfrastructure({ clock, endpoint: cloud.endpoint }),
    request: (change: Partial<InfrastructureRequest> = {}) =>
      infrastructureRequest({ ...wishOf(cloud, 'one'), save, ...change }),
    saved: () => saved,
    [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
  }
}

type Stage = Awaited<ReturnType<typeof open>>

/** Breaks the connection for good at the call of that number from now; returns how many have begun. */
function breakAt(cloud: GoogleCloud, call: number | undefined, when: Moment = 'after'): () => number {
  let begun = 0
  const isOver = () => call !== undefined && begun >= call
  const die = () => {
    throw new Failure('Unavailable', 'the process died')
  }
  cloud.before = () => {
    if (isOver()) die()
    begun++
    if (isOver() && when === 'before') die()
  }
  cloud.after = () => {
    if (isOver()) die()
  }
  return () => begun
}

describeInfrastructure('the Google engine', openLaw, {
  refusals: [
    {
      reason: 'another range of nodes',
      configuration: { networks: { workers: '10.250.128.0/19' } },
      field: `${root}.networks.workers`,
      once: 'made',
    },
  ],
})

describe('infrastructure at Google Cloud', () => {
  it('tells machines where they belong', async () => {
    await using stage = await open()
    expect(await stage.engine.apply(stage.request())).toEqual({
      network: 'shoot--test--one',
      subnetwork: 'shoot--test--one-nodes',
      serviceAccountEmail: expect.stringMatching(
        /^shoot--test--one-[0-9a-f]{8}@trellis-test\.iam\.gserviceaccount\.com$/,
      ),
    })
  })

  it('lets nobody reach other machines than those of the shoot', async () => {
    await using stage = await open()
    await stage.engine.apply(stage.request())
    const rules = stage.cloud.world.all(`${stage.cloud.project}/global/firewalls`)
    expect(rules.map(({ targetTags }) => targetTags)).toEqual(Array(3).fill(['kubernetes-io-cluster-shoot--test--one']))
    expect(rules.map(({ sourceRanges }) => sourceRanges)).toEqual([
      ['0.0.0.0/0'],
      ['35.191.0.0/16', '130.211.0.0/22', '209.85.152.0/22', '209.85.204.0/22'],
      ['10.250.0.0/19', '100.96.0.0/16'],
    ])
  })

  it('puts what somebody changed by hand back', async () => {
    await using stage = await open()
    await stage.engine.apply(stage.request())
    const firewalls = `${stage.cloud.project}/global/firewalls`
    const name = 'shoot--test--one-allow-internal'
    const before = stage.cloud.world.get(firewalls, name)
    stage.cloud.world.put(firewalls, name, { ...before, sourceRanges: ['0.0.0.0/0'] })
    const planned = await stage.engine.plan(stage.request({ state: stage.saved() }))
    expect(planned).toEqual([{ action: 'update', what: 'firewall/internal', field: 'sourceRanges' }])
    await stage.engine.apply(stage.request({ state: stage.saved() }))
    expect(stage.cloud.world.get(firewalls, name)).toEqual(before)
  })

  it('takes what the cloud does not tell for off, and sees no difference in that', async () => {
    await using stage = await open()
    await stage.engine.apply(stage.request())
    const { world, project } = stage.cloud
    const routers = `${project}/regions/${region}/routers`
    const router = world.get(routers, 'shoot--test--one-cloud-router')
    const nats = (router.nats as readonly object[]).map((nat) =>
      Object.fromEntries(Object.entries(nat).filter(([, value]) => value !== false)),
    )
    expect(nats).not.toEqual(router.nats)
    world.put(routers, 'shoot--test--one-cloud-router', { ...router, nats })
    expect(await stage.engine.plan(stage.request({ state: stage.saved() }))).toEqual([])
  })

  it('lets the range of nodes grow', async () => {
    await using stage = await open()
    await stage.engine.apply(stage.request())
    const wider = () => stage.request({ configuration: { networks: { workers: nodes } }, state: stage.saved() })
    expect(await stage.engine.plan(wider())).toContainEqual(
      expect.objectContaining({ action: 'update', what: 'subnetwork/nodes' }),
    )
    await stage.engine.apply(wider())
    expect(await stage.engine.plan(wider())).toEqual([])
  })

  it('takes the subnetwork for load balancers down when it is wanted no more', async () => {
    await using stage = await open()
    await stage.engine.apply(stage.request({ configuration: changed }))
    const configuration = { networks: { workers: '10.250.0.0/19' } }
    const smaller = () => stage.request({ configuration, state: stage.saved() })
    expect(await stage.engine.plan(smaller())).toContainEqual({ action: 'delete', what: 'subnetwork/internal' })
    await stage.engine.apply(smaller())
    expect(await stage.engine.plan(smaller())).toEqual([])
    expect(Object.keys(stage.saved())).not.toContain('subnetwork/internal')
  })

  const networks = 'trellis-test/global/networks'
  const regional = `trellis-test/regions/${region}`

  function giveNetwork({ cloud: { world } }: Stage): void {
    world.put(networks, 'shared', world.fresh('network', networks, 'shared'))
    const router = { network: world.link(networks, 'shared'), nats: [{ name: 'of-others' }] }
    world.put(`${regional}/routers`, 'shared', { ...world.fresh('router', `${regional}/routers`, 'shared'), ...router })
    world.put(`${regional}/addresses`, 'way-out', world.fresh('address', `${regional}/addresses`, 'way-out'))
  }

  it('lives in a network and on a router of others, and leaves both as they were', async () => {
    await using stage = await open()
    giveNetwork(stage)
    const before = thingsOf(stage.cloud)
    const configuration = {
      networks: {
        vpc: { name: 'shared', cloudRouter: { name: 'shared' } },
        workers: nodes,
        cloudNAT: { natIPNames: [{ name: 'way-out' }] },
      },
    }
    const request = () => stage.request({ configuration, state: stage.saved() })
    expect(await stage.engine.apply(request())).toMatchObject({ network: 'shared' })
    expect(stage.cloud.world.get(`${regional}/routers`, 'shared').nats).toMatchObject([
      { name: 'of-others' },
      {
        name: 'shoot--test--one-cloud-nat',
        natIpAllocateOption: 'MANUAL_ONLY',
        natIps: [stage.cloud.world.link(`${regional}/addresses`, 'way-out')],
      },
    ])
    expect(await stage.engine.plan(request())).toEqual([])
    leaveByCluster(stage.cloud, 'shoot--test--two', 'shared')
    const foreign = thingsOf(stage.cloud).filter((one) => /test-*two/.test(one))
    leaveByCluster(stage.cloud, 'shoot--test--one', 'shared')
    await stage.engine.destroy(request())
    expect(thingsOf(stage.cloud)).toEqual([...before, ...foreign].sort())
  })

  it.each([
    ['network', { vpc: { name: 'missing' } }, 'vpc.name'],
    ['router', { vpc: { name: 'shared', cloudRouter: { name: 'missing' } } }, 'vpc.cloudRouter.name'],
    [
      'address',
      { cloudNAT: { natIPNames: [{ name: 'way-out' }, { name: 'missing' }] } },
      'cloudNAT.natIPNames[1].name',
    ],
  ])('refuses a %s that is not there', async (_what, change, field) => {
    await using stage = await open()
    giveNetwork(stage)
    const configuration = { networks: { workers: nodes, ...change } }
    await expect(stage.engine.apply(stage.request({ configuration }))).rejects.toMatchObject({
      kind: 'Invalid',
      field: `spec.provider.infrastructureConfig.networks.${field}`,
    })
  })
})
