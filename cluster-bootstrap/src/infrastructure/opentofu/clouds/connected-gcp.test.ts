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
