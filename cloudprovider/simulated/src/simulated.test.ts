import { type DriverHarness, describeDriver } from '@trellis/cloudprovider/contract/testing/driver-conformance'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createSimulatedCloud } from './cloud.ts'
import { createSimulatedDriver, providerIdOf, simulatedVolumeDriver } from './driver.ts'
import { parseSettings, type SimulatedSettings } from './settings.ts'

function openHarness(settings: SimulatedSettings): DriverHarness & ReturnType<typeof parts> {
  const all = parts(settings)
  return {
    ...all,
    restarted: () => createSimulatedDriver(all.cloud),
    providerSpec: spec,
    secret: {},
    servers: async () => all.cloud.servers().length,
    leaveBehind: (machineName, cluster) =>
      all.cloud.leftovers.leave({
        kind: 'network-interface',
        machineName,
        tags: spec(cluster).tags as Record<string, string>,
      }),
    duplicate: (machineName) => {
      const present = all.cloud.servers().find((server) => server.machineName === machineName)
      if (present === undefined) throw new Failure('NotFound', `${machineName} has no server`)
      return providerIdOf(all.cloud.duplicate(present))
    },
    mutable: {
      change: { tags: { ...(spec('one').tags as Record<string, string>), team: 'blue' } },
      fields: async (machineName, cluster) =>
        all.cloud
          .servers()
          .find((server) => server.machineName === machineName && `kubernetes.io/cluster/${cluster}` in server.tags)
          ?.tags,
    },
    volumes: ['disk-1', 'disk-2'].map((id) => ({
      volume: { accessModes: ['ReadWriteOnce'], csi: { driver: simulatedVolumeDriver, volumeHandle: id } },
      id,
    })),
    loseNextCreation: () => all.cloud.script({ operation: 'create', when: 'after' }),
    [Symbol.asyncDispose]: async () => {},
  }
}

function parts(settings: SimulatedSettings) {
  const clock = createVirtualClock()
  const cloud = createSimulatedCloud({ clock, random: createSeededRandom('simulated') }, settings)
  const elapse = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    const going = work()
    going.catch(() => {})
    await clock.advance(10_000)
    return going
  }
  return { clock, cloud, driver: createSimulatedDriver(cloud), elapse }
}

function spec(cluster: string): Record<string, unknown> {
  return { machineType: 'small', tags: { [`kubernetes.io/cluster/${cluster}`]: '1', 'kubernetes.io/role/node': '1' } }
}

function request(machineName: string) {
  return { machineName, providerSpec: spec('one'), secret: {}, userData: '' }
}

const invalidSpecs = [
  { reason: 'an unknown field', change: { colour: 'red' }, field: 'providerSpec.colour' },
  { reason: 'a missing machine type', change: { machineType: undefined }, field: 'providerSpec.machineType' },
  { reason: 'a number as machine type', change: { machineType: 3 }, field: 'providerSpec.machineType' },
  { reason: 'tags without a cluster', change: { tags: {} }, field: 'providerSpec.tags' },
]
const slow = { createMilliseconds: 1000, deleteMilliseconds: 500, callMilliseconds: 50, jitter: 0.2 }

describeDriver('the simulated driver', async () => openHarness({}), invalidSpecs)
describeDriver('the simulated driver, slow', async () => openHarness(slow), invalidSpecs)
describeDriver(
  'the simulated driver, answering early and showing things late',
  async () =>
    openHarness({ ...slow, answersEarly: true, visibilityLagMilliseconds: 15_000, needsInitialization: false }),
  invalidSpecs,
)

describe('the simulated cloud', () => {
  it('keeps its quota, by type and in all', async () => {
    const { driver, elapse } = parts({ quota: { small: 1, '*': 5 } })
    await elapse(() => driver.createMachine(request('a')))
    const refused = await elapse(() => driver.createMachine(request('b')).catch((error: unknown) => error))
    expect(isFailure(refused, 'Exhausted')).toBe(true)
    expect(String(refused)).toContain('limit 1, used 1')
    await elapse(() => driver.deleteMachine(request('a')))
    await elapse(() => driver.createMachine(request('b')))
  })

  it('throttles and says when to come back', async () => {
    const { clock, driver } = parts({ callsPerSecond: 2 })
    const list = () => driver.listMachines(request('a')).catch((error: unknown) => error)
    await list()
    await list()
    expect(await list()).toMatchObject({ kind: 'Throttled', retryAfterMilliseconds: 500 })
    await clock.advance(500)
    expect(await list()).toBeInstanceOf(Map)
  })

  it('reports a server that failed to boot, and begins anew on the next creation', async () => {
    const { cloud, driver, elapse } = parts({ createMilliseconds: 1000, answersEarly: true })
    cloud.script({ operation: 'boot', message: 'no root device' })
    await elapse(() => driver.createMachine(request('a')))
    const status = await elapse(() => driver.getMachineStatus(request('a')))
    expect(status).toMatchObject({ state: 'failed', reason: 'no root device' })
    const refused = await elapse(() => driver.createMachine(request('a')).catch((error: unknown) => error))
    expect(refused).toMatchObject({ kind: 'Unavailable', message: expect.stringContaining('no root device') })
    await elapse(() => driver.createMachine(request('a')))
    expect((await elapse(() => driver.getMachineStatus(request('a')))).state).toBe('running')
    expect(cloud.servers()).toHaveLength(1)
    expect(cloud.peak()).toBe(1)
  })

  it('strikes only the machines that a script names, as often as it says', async () => {
    const { cloud, driver, elapse } = parts({
      failures: [{ operation: 'create', machine: '^b', times: 2, kind: 'Exhausted', message: 'no stock' }],
    })
    const outcome = (name: string) =>
      elapse(() =>
        driver.createMachine(request(name)).then(
          () => 'made',
          (error: Error) => error.message,
        ),
      )
    expect([await outcome('a'), await outcome('b'), await outcome('b'), await outcome('b')]).toEqual([
      'made',
      'no stock',
      'no stock',
      'made',
    ])
    expect(cloud.calls()).toEqual({ create: 4 })
  })

  it('leaves behind what a failed call was told to, until the next one takes it up', async () => {
    const { cloud, driver, elapse } = parts({
      failures: [
        { operation: 'create', leaves: ['network-interface', 'disk'] },
        { operation: 'delete', when: 'after', leaves: ['port'], silent: true },
      ],
    })
    await elapse(() => driver.createMachine(request('a')).catch(() => {}))
    expect(cloud.leftovers.all().map(({ kind, machineName }) => [kind, machineName])).toEqual([
      ['network-interface', 'a'],
      ['disk', 'a'],
    ])
    await elapse(() => driver.createMachine(request('a')))
    expect(cloud.leftovers.all()).toEqual([])
    expect(await elapse(() => driver.deleteMachine(request('a')))).toBe('gone')
    expect((await elapse(async () => driver.listLeftovers?.(request('a'))))?.map(({ kind }) => kind)).toEqual(['port'])
  })

  it.each([
    { state: 'gone', deleteMilliseconds: 100 },
    { state: 'going', deleteMilliseconds: 12_000 },
  ])('changes no server that is $state, although it still shows it', async ({ deleteMilliseconds }) => {
    const settings = { visibilityLagMilliseconds: 15_000, answersEarly: true, deleteMilliseconds }
    const { clock, cloud, driver } = parts(settings)
    await driver.createMachine(request('a'))
    await clock.advance(15_000)
    await driver.deleteMachine(request('a'))
    await clock.advance(1000)
    const { providerId } = await driver.createMachine(request('a'))
    expect((await driver.getMachineStatus(request('a'))).providerId).not.toBe(providerId)
    const tags = { ...(spec('one').tags as object), note: 'b' }
    const change = { ...request('a'), providerSpec: { ...spec('one'), tags } }
    for (const call of [() => driver.updateMachine?.(change), () => driver.initializeMachine(change)]) {
      const failure = await call()?.catch((error: unknown) => error)
      expect(isFailure(failure, 'NotFound'), String(failure)).toBe(true)
    }
    await clock.advance(40_000)
    await driver.updateMachine?.(change)
    expect(cloud.servers().map((server) => server.tags.note)).toEqual(['b'])
  })

  it('refuses settings that it does not know, by name', () => {
    expect(() => parseSettings({ createSeconds: 3 })).toThrow(expect.objectContaining({ field: 'createSeconds' }))
  })
})
