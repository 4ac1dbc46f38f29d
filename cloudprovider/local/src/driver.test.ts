import { type DriverHarness, describeDriver } from '@trellis/cloudprovider/contract/testing/driver-conformance'
import { Failure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { createCloudDouble } from '../testing/cloud-double.ts'
import { createLocalDriver, providerIdOf } from './driver.ts'
import { parseCredentials } from './provider-spec.ts'

const secret = { userData: 'x', endpoint: 'https://198.18.0.1:8443', token: 't', caBundle: 'ca' }

function spec(cluster: string): Record<string, unknown> {
  return {
    network: `net-${cluster}`,
    image: 'debian',
    flavor: 'small',
    tags: { [`kubernetes.io/cluster/${cluster}`]: '1', 'kubernetes.io/role/node': '1' },
  }
}

async function open(): Promise<DriverHarness> {
  const cloud = createCloudDouble()
  const connect = { connect: cloud.connect }
  return {
    driver: createLocalDriver(connect),
    restarted: () => createLocalDriver(connect),
    providerSpec: spec,
    secret,
    elapse: async (work) => {
      try {
        return await work()
      } finally {
        cloud.settle()
      }
    },
    servers: async () => cloud.servers.size,
    duplicate: (machineName) => {
      const present = [...cloud.servers.values()].find(({ name }) => name === machineName)
      if (present === undefined) throw new Failure('NotFound', `${machineName} has no server`)
      return providerIdOf(present.network, cloud.duplicate(present.id))
    },
    loseNextCreation: cloud.loseNextCreation,
    [Symbol.asyncDispose]: async () => {},
  }
}

describeDriver('the local driver', open, [
  { reason: 'an unknown field', change: { colour: 'red' }, field: 'providerSpec.colour' },
  { reason: 'a missing flavor', change: { flavor: undefined }, field: 'providerSpec.flavor' },
  { reason: 'an empty image', change: { image: '' }, field: 'providerSpec.image' },
  { reason: 'tags without a role', change: { tags: { 'kubernetes.io/cluster/one': '1' } }, field: 'providerSpec.tags' },
])

describe('the local driver', () => {
  const request = { machineName: 'a', providerSpec: spec('one'), secret, userData: '#cloud-config' }

  it('names the machine in tags, provider id and node', async () => {
    const cloud = createCloudDouble()
    const made = await createLocalDriver({ connect: cloud.connect }).createMachine(request)
    expect(made).toMatchObject({ providerId: 'local:///net-one/srv-1', nodeName: 'a', state: 'creating' })
    expect(cloud.servers.get('srv-1')).toMatchObject({
      userData: '#cloud-config',
      tags: { 'machine.sapcloud.io/name': 'a', 'kubernetes.io/cluster/one': '1', 'kubernetes.io/role/node': '1' },
    })
  })

  it.each([
    { field: 'name', kind: 'Unavailable' },
    { field: 'image', kind: 'Conflict' },
  ])('says $kind when the cloud refuses a creation for its $field', async ({ field, kind }) => {
    const refusal = new Failure('Conflict', 'a server a is still being deleted', { field })
    const client = { ...createCloudDouble().connect(), createServer: () => Promise.reject(refusal) }
    const driver = createLocalDriver({ connect: () => client })
    await expect(driver.createMachine(request)).rejects.toMatchObject({ kind })
  })

  it('gives the reason of a failed server and clears it away', async () => {
    const cloud = createCloudDouble()
    const driver = createLocalDriver({ connect: cloud.connect })
    cloud.failNext({ kind: 'Unavailable', message: 'runc ended with code 1', remedy: 'see the console' })
    await driver.createMachine(request)
    cloud.settle()
    const expected = {
      kind: 'Unavailable',
      message: 'the server a failed: runc ended with code 1',
      remedy: 'see the console',
    }
    const status = await driver.getMachineStatus(request)
    expect(status).toMatchObject({ state: 'failed', reason: 'runc ended with code 1' })
    await expect(driver.createMachine(request)).rejects.toMatchObject(expected)
    cloud.settle()
    expect((await driver.createMachine(request)).providerId).toBe('local:///net-one/srv-2')
  })

  it('leaves a server of the same name that is not of its cluster alone', async () => {
    const cloud = createCloudDouble()
    const driver = createLocalDriver({ connect: cloud.connect })
    await driver.createMachine(request)
    const foreign = { ...request, providerSpec: { ...spec('two'), network: 'net-one' } }
    await expect(driver.createMachine(foreign)).rejects.toMatchObject({ kind: 'Conflict' })
    expect(await driver.deleteMachine(foreign)).toBe('gone')
    expect(cloud.servers.size).toBe(1)
  })

  it('says which part of the secret is missing', async () => {
    expect(() => parseCredentials({ userData: 'x', endpoint: 'https://x', caBundle: 'ca' })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'secretRef.data.token' }),
    )
  })

  it('shares a connection among classes of one cloud and closes those of old credentials', async () => {
    const cloud = createCloudDouble()
    const closed: string[] = []
    using driver = createLocalDriver({
      connect: ({ token }) => ({ ...cloud.connect(), [Symbol.dispose]: () => void closed.push(token) }),
    })
    for (const token of ['1', '1', '2', '3', '4', '1', '5']) {
      await driver.listMachines({ providerSpec: spec('one'), secret: { ...secret, token } })
    }
    expect(closed).toEqual(['2'])
    driver[Symbol.dispose]()
    expect(closed).toEqual(['2', '3', '4', '1', '5'])
  })
})
