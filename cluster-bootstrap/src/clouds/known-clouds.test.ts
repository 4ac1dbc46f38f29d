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

  it('gives the cloud of a type when it can be reached', () => {
    expect(chooseCloud(knownClouds, 'local')).toEqual({ cloud: localCloud })
  })

  it('says what is missing when it cannot, and what there is', () => {
    const without: ShootCloud = { ...awsCloud }
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
