import { startGoogleCloud } from '@trellis/cloudprovider/gcp/testing/google-cloud'
import { describe, expect, it } from 'vitest'
import { leaveByCluster, thingsOf } from '../../../../testing/google-things.ts'
import { createHastyClock } from '../../../../testing/hasty-clock.ts'
import { infrastructureRequest } from '../../../../testing/infrastructure-request.ts'
import { createGoogleInfrastructure } from '../../gcp/engine.ts'
import { connectedGcp } from './connected-gcp.ts'

const clock = createHastyClock()
const networks = 'trellis-test/global/networks'

async function open(configuration: object) {
  const cloud = await startGoogleCloud(clock)
  const { world } = cloud
  world.put(networks, 'shared', world.fresh('network', networks, 'shared'))
  const request = infrastructureRequest({
    technicalId: 'shoot--test--one',
    region: 'europe-west1',
    secret: cloud.identity.secret,
    configuration,
  })
  const tofu = connectedGcp({ clock, endpoint: cloud.endpoint })
  return {
    cloud,
    /** The other engine gives things the names that the module gives them. */
    apply: () => createGoogleInfrastructure({ clock, endpoint: cloud.endpoint }).apply(request),
    find: async () => tofu.findExisting?.(request, tofu.variables(request)),
    removeLeftovers: async () => tofu.removeLeftovers?.(request, tofu.variables(request)),
    [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
  }
}

describe('what a cluster left at Google Cloud', () => {
  it.each<[string, object, string | undefined]>([
    ['its own network', { networks: {} }, undefined],
    ['a network of others', { networks: { vpc: { name: 'shared' } } }, 'shared'],
  ])('goes from %s, and nothing else does', async (_what, configuration, network) => {
    await using stage = await open(configuration)
    await stage.apply()
    leaveByCluster(stage.cloud, 'shoot--test--two', 'shared')
    const before = thingsOf(stage.cloud)
    leaveByCluster(stage.cloud, 'shoot--test--one', network)
    expect(thingsOf(stage.cloud).length).toBeGreaterThan(before.length)
    await stage.removeLeftovers()
    expect(thingsOf(stage.cloud)).toEqual(before)
    await stage.removeLeftovers()
  })
})

const [global, regional] = ['projects/trellis-test/global', 'projects/trellis-test/regions/europe-west1']
const name = 'shoot--test--one'

/** What the module makes in any network, as the provider imports it. */
const everywhere = {
  'google_service_account.nodes': expect.stringMatching(
    /^projects\/trellis-test\/serviceAccounts\/shoot--test--one-[0-9a-f]{8}@trellis-test\.iam\.gserviceaccount\.com$/,
  ),
  'google_compute_subnetwork.nodes': `${regional}/subnetworks/${name}-nodes`,
  'google_compute_firewall.internal': `${global}/firewalls/${name}-allow-internal`,
  'google_compute_firewall.external': `${global}/firewalls/${name}-allow-external`,
  'google_compute_firewall.health_checks': `${global}/firewalls/${name}-allow-health`,
}

describe('looking for what exists at Google Cloud', () => {
  it('finds all that the module makes, by what the other engine made', async () => {
    await using stage = await open({ networks: { internal: '10.251.0.0/16' } })
    expect(await stage.find()).toEqual({})
    await stage.apply()
    expect(await stage.find()).toEqual({
      ...everywhere,
      'google_compute_network.nodes[0]': `${global}/networks/${name}`,
      'google_compute_subnetwork.internal[0]': `${regional}/subnetworks/${name}-internal`,
      'google_compute_router.nodes[0]': `${regional}/routers/${name}-cloud-router`,
      'google_compute_router_nat.nodes': `${regional}/routers/${name}-cloud-router/${name}-cloud-nat`,
    })
  })

  it('takes over neither the network nor the router that the user brings', async () => {
    await using stage = await open({ networks: { vpc: { name: 'shared', cloudRouter: { name: 'shared' } } } })
    const { world } = stage.cloud
    const routers = 'trellis-test/regions/europe-west1/routers'
    world.put(routers, 'shared', { ...world.fresh('router', routers, 'shared'), nats: [{ name: 'of-others' }] })
    expect(await stage.find()).toEqual({})
    await stage.apply()
    expect(await stage.find()).toEqual({
      ...everywhere,
      'google_compute_router_nat.nodes': `${regional}/routers/shared/${name}-cloud-nat`,
    })
  })
})
