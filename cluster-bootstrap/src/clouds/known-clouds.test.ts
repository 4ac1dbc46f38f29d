import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createCloudDouble } from '../../testing/cloud-double.ts'
import { blueprintOf, exampleGrowth, workerOf } from '../../testing/example-clouds.ts'
import { createInfrastructureDouble } from '../../testing/infrastructure-double.ts'
import { problemsIn } from '../../testing/problems.ts'
import { awsCloud } from './aws/cloud.ts'
import type { CloudPorts, ShootCloud } from './cloud.ts'
import { createCloudConnections } from './connections.ts'
import { chooseCloud, knownClouds } from './known-clouds.ts'
import { localCloud } from './local.ts'
import { placeErrors } from './places.ts'

const ports: CloudPorts = {
  clock: createVirtualClock(0),
  random: createSeededRandom('clouds'),
  log: createSilentLog(),
  seedCloud: createCloudDouble().client,
}

describe('the list of clouds', () => {
  it('names each type, provider and chart once', () => {
    for (const key of ['type', 'machineProvider', 'machineChart'] as const) {
      expect(new Set(knownClouds.map((cloud) => cloud[key])).size).toBe(knownClouds.length)
    }
  })

  it.each(knownClouds)('gives the cloud $type, which can be reached', (cloud) => {
    expect(chooseCloud(knownClouds, cloud.type)).toEqual({ cloud })
  })

  it('says what is missing when it cannot, and what there is', () => {
    const { connect: _, ...without } = awsCloud
    expect(chooseCloud([localCloud, without], 'aws')).toEqual({
      error: {
        field: 'spec.provider.type',
        message: 'this version has no engine for the infrastructure of aws yet, so no shoot can grow there',
        remedy: 'choose one of local',
      },
    })
    expect(chooseCloud(knownClouds, 'nimbus')).toMatchObject({ error: { message: 'there is no cloud nimbus' } })
  })
})

describe('places', () => {
  it('must be named where a cloud has zones, and once', async () => {
    const growth = await exampleGrowth('aws')
    const errors = (zones: string[]) => {
      workerOf(growth).zones = zones
      return problemsIn(placeErrors(awsCloud, blueprintOf(growth)))
    }
    expect(errors(['eu-central-1a'])).toEqual([])
    expect(errors([])).toEqual(['spec.provider.workers[0].zones: pools on aws must name at least one zone'])
    expect(errors(['a', 'b', 'a'])).toEqual(['spec.provider.workers[0].zones[2]: zone a is named twice'])
  })

  it('need not be named on the embedded cloud', async () => {
    expect(placeErrors(localCloud, blueprintOf(await exampleGrowth('local')))).toEqual([])
  })
})

describe('what a Shoot says of its network is refused as the engine reads it', () => {
  const root = 'spec.provider.infrastructureConfig'
  const zone = { name: 'eu-central-1a', workers: '10.250.0.0/19', public: '10.250.32.0/20', internal: '10.250.48.0/20' }
  const [vpc, zones] = [{ cidr: '10.250.0.0/16' }, [zone]]
  it.each<[string, unknown, string]>([
    ['aws', undefined, ''],
    ['aws', 'text', ''],
    ['aws', { networks: { vpc, zones }, colour: 'red' }, '.colour'],
    // The pool of the example is in zone b, too.
    ['aws', { networks: { vpc, zones } }, '.networks.zones'],
    ['openstack', undefined, ''],
    ['openstack', { networks: {} }, '.floatingPoolName'],
    ['openstack', { floatingPoolName: 'public', networks: { workers: '10.9.0.0/16' } }, '.networks.workers'],
    ['gcp', undefined, ''],
    ['gcp', { networks: { workers: '10.9.0.0/16' } }, '.networks.workers'],
  ])('on %s: %j', async (type, infrastructureConfig, field) => {
    const growth = await exampleGrowth(type)
    growth.shoot.spec.provider.infrastructureConfig = infrastructureConfig as Record<string, unknown>
    expect(growth.cloud.validateShoot(blueprintOf(growth))).toMatchObject([{ field: `${root}${field}` }])
  })
})

describe('the embedded cloud', () => {
  it('refuses what it would only ignore', async () => {
    const growth = await exampleGrowth('local')
    const { provider } = growth.shoot.spec
    provider.infrastructureConfig = { apiVersion: 'v1', kind: 'InfrastructureConfig' }
    expect(localCloud.validateShoot(blueprintOf(growth))).toEqual([])
    provider.infrastructureConfig = { networks: {} }
    provider.controlPlaneConfig = { zone: 'a' }
    Object.assign(workerOf(growth), { providerConfig: { a: 1 }, dataVolumes: [{ name: 'a', size: '1Gi' }] })
    expect(problemsIn(localCloud.validateShoot(blueprintOf(growth)))).toEqual([
      'spec.provider.infrastructureConfig: nothing acts on it at this cloud',
      'spec.provider.controlPlaneConfig: nothing acts on it at this cloud',
      'spec.provider.workers[0].providerConfig: nothing acts on it at this cloud',
      'spec.provider.workers[0].dataVolumes: nothing acts on it at this cloud',
    ])
  })
})

describe('connections', () => {
  const none = {}
  function counted(): { readonly cloud: ShootCloud; readonly events: string[] } {
    const events: string[] = []
    const { connect = () => Promise.reject(new TypeError('it connects')) } = createInfrastructureDouble(
      awsCloud,
      {},
    ).cloud
    const open: NonNullable<ShootCloud['connect']> = async (...args) => {
      events.push('open')
      return { ...(await connect(...args)), [Symbol.dispose]: () => void events.push('close') }
    }
    return { cloud: { ...awsCloud, connect: open }, events }
  }

  it('are made once for each cloud and settings, and closed together', async () => {
    const { cloud, events } = counted()
    {
      await using connections = createCloudConnections(ports)
      const first = await connections.open(cloud, none)
      expect(await connections.open(cloud, {})).toBe(first)
      expect(await connections.open(cloud, { ec2: 'http://x' })).not.toBe(first)
      expect(events).toEqual(['open', 'open'])
    }
    expect(events).toEqual(['open', 'open', 'close', 'close'])
  })

  it.each(knownClouds)('to $type have the driver of its machine classes', async (cloud) => {
    await using connections = createCloudConnections(ports)
    const { driver, engine } = await connections.open(cloud, none)
    expect(driver.provider).toBe(cloud.machineProvider)
    expect(Object.keys(engine).sort()).toEqual(['apply', 'destroy', 'plan'])
  })

  it('are made anew when they could not be made', async () => {
    await using connections = createCloudConnections(ports)
    let tries = 0
    const { cloud } = createInfrastructureDouble(awsCloud, {})
    const { connect } = cloud
    const flaky: ShootCloud = {
      ...cloud,
      connect: (...args) =>
        tries++ === 0 || connect === undefined ? Promise.reject(new TypeError('no network')) : connect(...args),
    }
    await expect(connections.open(flaky, none)).rejects.toThrow('no network')
    await expect(connections.open(flaky, none)).resolves.toBeDefined()
  })

  it('to a cloud without an engine are refused', async () => {
    await using connections = createCloudConnections(ports)
    const { connect: _, ...bare } = awsCloud
    await expect(connections.open(bare, none)).rejects.toMatchObject({ kind: 'Unimplemented' })
  })

  it('to the embedded cloud use the client of the process and leave it open', async () => {
    let disposed = 0
    const seedCloud = { ...ports.seedCloud, [Symbol.dispose]: () => void disposed++ }
    {
      await using connections = createCloudConnections({ ...ports, seedCloud })
      const { driver } = await connections.open(localCloud, none)
      expect(driver.provider).toBe('local')
    }
    expect(disposed).toBe(0)
  })
})
