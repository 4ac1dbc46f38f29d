import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import { createSystemClock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import { createVirtualClock, type VirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { classFor, prepareNetwork } from '../testing/classes.ts'
import { type GoogleCloud, startGoogleCloud } from '../testing/google-cloud.ts'
import { GoogleError } from '../testing/google-error.ts'
import { foreignToken } from '../testing/identity.ts'
import { tokenExchange, workloadTokenFile } from './credentials.ts'
import { createGoogleDriver } from './driver.ts'
import { ownLabels } from './ownership.ts'

interface Stage {
  readonly cloud: GoogleCloud
  readonly clock: VirtualClock
  readonly driver: Driver
  readonly registry: Registry
  readonly request: ReturnType<typeof requestFor>
}

function requestFor(cloud: GoogleCloud, machineName = 'machine-a', change: object = {}) {
  return {
    machineName,
    providerSpec: { ...classFor('one'), ...change },
    secret: cloud.identity.secret,
    userData: '#cloud-config\n',
  }
}

/** Time stands still but for what a test moves, and what waits for time goes on at once. */
async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const clock = createVirtualClock(createSystemClock().now())
  await using cloud = await startGoogleCloud(clock)
  prepareNetwork(cloud)
  const registry = new Registry()
  const driver = createGoogleDriver({ clock, endpoint: cloud.endpoint, registry })
  await work({ cloud, clock, driver, registry, request: requestFor(cloud) })
}

/** A question that is gathered with others: lets the time pass that it waits for them. */
async function look({ clock, driver }: Stage, request: Stage['request']) {
  const answer = driver.getMachineStatus(request).catch((error: unknown) => error)
  await clock.advance(100)
  return answer
}

const instances = ({ cloud }: Stage) => `${cloud.project}/zones/europe-west1-b/instances`
const disks = ({ cloud }: Stage) => `${cloud.project}/zones/europe-west1-b/disks`
const shortage = { code: 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS', message: 'no n2-standard-2 is left' }

describe('creation at Google Cloud', () => {
  it('costs one call, and names the server, its tags, labels and user-data', () =>
    onStage(async (stage) => {
      const made = await stage.driver.createMachine(stage.request)
      expect(made).toMatchObject({
        providerId: 'gce:///trellis-test/europe-west1-b/machine-a',
        nodeName: 'machine-a',
        state: 'creating',
      })
      expect(stage.cloud.calls).toEqual(['compute.instances.insert'])
      expect(stage.cloud.world.get(instances(stage), 'machine-a')).toMatchObject({
        labels: {
          'kubernetes-io-cluster-one': '1',
          'kubernetes-io-role-node': '1',
          'machine-sapcloud-io-name': 'machine-a',
        },
        tags: { items: ['kubernetes-io-cluster-one', 'kubernetes-io-role-node'] },
        metadata: { items: [{ key: 'user-data', value: '#cloud-config\n' }] },
      })
    }))

  it('gives other user-data to the image as a script', () =>
    onStage(async (stage) => {
      await stage.driver.createMachine({ ...stage.request, userData: '#!/bin/sh\n' })
      expect(stage.cloud.world.get(instances(stage), 'machine-a').metadata).toMatchObject({
        items: [{ key: 'startup-script', value: '#!/bin/sh\n' }],
      })
    }))

  it.each([
    ['a name that is too long', { machineName: `a${'b'.repeat(63)}` }, 'metadata.name'],
    ['user-data that is too long', { userData: 'x'.repeat(262_145) }, 'secretRef.data.userData'],
    [
      'a subnetwork that is missing',
      { providerSpec: { ...classFor('one'), networkInterfaces: [{ subnetwork: 'missing' }] } },
      'providerSpec',
    ],
  ])('refuses %s', (_what, change, field) =>
    onStage(async ({ driver, request }) => {
      await expect(driver.createMachine({ ...request, ...change })).rejects.toMatchObject({ kind: 'Invalid', field })
    }),
  )

  it('tells of a shortage that comes after the cloud accepted: as a state, as a failure, then no more', () =>
    onStage(async (stage) => {
      const { cloud, clock, driver, request } = stage
      cloud.fates.push({ error: shortage, leavesDisks: true })
      await driver.createMachine(request)
      cloud.world.settle()
      const restarted = createGoogleDriver({ clock, endpoint: cloud.endpoint })
      expect(await look({ ...stage, driver: restarted }, request)).toMatchObject({
        state: 'failed',
        reason: expect.stringContaining('no n2-standard-2 is left'),
      })
      expect(cloud.world.all(disks(stage))).toHaveLength(1)
      await expect(restarted.createMachine(request)).rejects.toMatchObject({ kind: 'Exhausted' })
      cloud.world.settle()
      expect(cloud.world.all(disks(stage))).toEqual([])
      await clock.advance(61_000)
      expect(await driver.createMachine(request)).toMatchObject({ state: 'creating' })
      cloud.world.settle()
      expect(await look(stage, request)).toMatchObject({ state: 'running' })
    }))

  it('removes even a disk that the class wants to keep when its server never was', () =>
    onStage(async (stage) => {
      const { cloud, driver } = stage
      const request = requestFor(cloud, 'machine-a', {
        disks: [...classFor('one').disks, { sizeGb: 9, autoDelete: false }],
      })
      cloud.fates.push({ error: shortage, leavesDisks: true })
      await driver.createMachine(request)
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(disks(stage))).toEqual([])
    }))

  it('keeps a disk that an earlier server of the machine wrote to, whatever becomes of the next', () =>
    onStage(async (stage) => {
      const { cloud, clock, driver } = stage
      const kept = { sizeGb: 9, autoDelete: false }
      const request = requestFor(cloud, 'machine-a', { disks: [...classFor('one').disks, kept] })
      await driver.createMachine(request)
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      await clock.advance(1000)
      await driver.createMachine(request)
      cloud.world.settle()
      expect(await look(stage, request)).toMatchObject({
        state: 'failed',
        reason: expect.stringContaining('ALREADY_EXISTS'),
      })
      await expect(driver.createMachine(request)).rejects.toMatchObject({ kind: 'Conflict' })
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(disks(stage)).map(({ name }) => name)).toEqual(['machine-a-1'])
    }))

  it('makes one server when the answer is lost, or never comes', () =>
    onStage(async (stage) => {
      const { cloud, clock, driver, request } = stage
      cloud.fault('compute.instances.insert', { kind: 'lose' })
      await expect(driver.createMachine(request)).rejects.toMatchObject({ kind: 'Unavailable' })
      cloud.fault('compute.instances.insert', { kind: 'hang' })
      cloud.after = () => void clock.advance(31_000)
      await expect(driver.createMachine(request)).rejects.toMatchObject({ kind: 'Timeout' })
      cloud.after = () => {}
      await driver.createMachine(request)
      expect(cloud.world.all(instances(stage))).toHaveLength(1)
    }))

  it('waits for a server that the cloud does not show yet, and does not call it gone', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      cloud.fates.push({ hidden: true })
      await driver.createMachine(request)
      expect(await look(stage, request)).toMatchObject({ state: 'creating' })
      expect(await driver.createMachine(request)).toMatchObject({ state: 'creating' })
      expect(await driver.deleteMachine(request)).toBe('deleting')
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(instances(stage))).toEqual([])
    }))

  it('leaves a server of the same name that another cluster has in the zone alone', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      const foreign = requestFor(cloud, 'machine-a', { tags: ['kubernetes-io-cluster-two', 'kubernetes-io-role-node'] })
      await driver.createMachine(foreign)
      cloud.world.settle()
      await expect(driver.createMachine(request)).rejects.toMatchObject({
        kind: 'Conflict',
        field: 'providerSpec.zone',
      })
      expect(await driver.deleteMachine(request)).toBe('gone')
      expect(isFailure(await look(stage, request), 'NotFound')).toBe(true)
      expect(cloud.world.all(instances(stage))).toHaveLength(1)
    }))

  it('removes a server that has stopped before its machine had it', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      await driver.createMachine(request)
      cloud.world.settle()
      const stopped = {
        ...cloud.world.get(instances(stage), 'machine-a'),
        status: 'TERMINATED',
        statusMessage: 'preempted',
      }
      cloud.world.put(instances(stage), 'machine-a', stopped)
      expect(await look(stage, request)).toMatchObject({ state: 'stopped', reason: 'preempted' })
      await expect(driver.createMachine(request)).rejects.toMatchObject({
        kind: 'Unavailable',
        message: expect.stringContaining('preempted'),
      })
      cloud.world.settle()
      expect(await driver.createMachine(request)).toMatchObject({ state: 'creating' })
    }))
})

describe('deletion at Google Cloud', () => {
  it('lifts the protection that the class asked for', () =>
    onStage(async (stage) => {
      const { cloud, driver } = stage
      const request = requestFor(cloud, 'machine-a', { deletionProtection: true })
      await driver.createMachine(request)
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(instances(stage))).toEqual([])
    }))

  it('keeps disks that the class wants to keep, and lists them as no leftovers', () =>
    onStage(async (stage) => {
      const { cloud, driver } = stage
      const request = requestFor(cloud, 'machine-a', {
        disks: [...classFor('one').disks, { sizeGb: 9, autoDelete: false }],
      })
      await driver.createMachine(request)
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(disks(stage))).toHaveLength(1)
      expect(await driver.listLeftovers?.(request)).toEqual([])
    }))

  it('lists and deletes addresses that were made for machines too', () =>
    onStage(async ({ cloud, driver, request }) => {
      const addresses = `${cloud.project}/regions/europe-west1/addresses`
      const put = (name: string, rest: object) =>
        cloud.world.put(addresses, name, { ...cloud.world.fresh('address', addresses, name), ...rest })
      put('left', { labels: ownLabels(request.providerSpec.tags, 'machine-a') })
      put('taken', { labels: ownLabels(request.providerSpec.tags, 'machine-b'), users: ['a server'] })
      put('of-nobody', {})
      const found = (await driver.listLeftovers?.(request)) ?? []
      expect(found).toMatchObject([{ id: 'address/europe-west1/left', kind: 'address', machineName: 'machine-a' }])
      const [left] = found
      if (left === undefined) return
      const taken = { ...left, id: 'address/europe-west1/taken' }
      await expect(driver.deleteLeftover?.(request, taken)).rejects.toMatchObject({ kind: 'Conflict' })
      expect(await driver.deleteLeftover?.(request, left)).toBe('deleting')
      cloud.world.settle()
      expect(await driver.deleteLeftover?.(request, left)).toBe('gone')
      expect(await driver.deleteLeftover?.(request, { ...left, id: 'nonsense' })).toBe('gone')
    }))

  it('follows the provider id into the zone that the class had before', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      const { providerId } = await driver.createMachine(request)
      cloud.world.settle()
      const moved = { ...requestFor(cloud, 'machine-a', { zone: 'europe-west1-d' }), providerId }
      expect(await look(stage, moved)).toMatchObject({ state: 'running' })
      expect([...(await driver.listMachines(moved))]).toEqual([[providerId, 'machine-a']])
      while ((await driver.deleteMachine(moved)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(instances(stage))).toEqual([])
    }))
})

describe('looking at Google Cloud', () => {
  it('asks once about a hundred machines, and counts calls per machine', () =>
    onStage(async (stage) => {
      const { cloud, clock, driver, registry } = stage
      const requests = Array.from({ length: 100 }, (_, index) => requestFor(cloud, `machine-${index}`))
      const making = Promise.all(requests.map((request) => driver.createMachine(request)))
      await clock.advance(10_000)
      await making
      cloud.world.settle()
      cloud.calls.length = 0
      const looks = Promise.all(requests.map((request) => driver.getMachineStatus(request)))
      await clock.advance(1000)
      expect((await looks).every(({ state }) => state === 'running')).toBe(true)
      expect(cloud.calls).toEqual(['compute.instances.list'])
      expect(await registry.metrics()).toContain('mcm_cloud_api_calls_per_machine{provider="GCP"} 1.01')
    }))

  it('knows servers of other managers, which have no labels, and finds them in lists once they are up to their class', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      await driver.createMachine(request)
      cloud.world.settle()
      cloud.world.put(instances(stage), 'machine-a', { ...cloud.world.get(instances(stage), 'machine-a'), labels: {} })
      expect(await look(stage, request)).toMatchObject({ state: 'running' })
      await driver.updateMachine?.(request)
      expect((await driver.listMachines(request)).size).toBe(1)
    }))

  it('reads lists of many pages', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      await driver.createMachine(request)
      const one = cloud.world.get(instances(stage), 'machine-a')
      for (let index = 0; index < 1100; index++)
        cloud.world.put(instances(stage), `m-${index}`, { ...one, name: `m-${index}` })
      expect((await driver.listMachines(request)).size).toBe(1101)
      expect(cloud.calls.filter((id) => id === 'compute.instances.aggregatedList')).toHaveLength(3)
    }))

  it('shows the last lines of the console', () =>
    onStage(async ({ cloud, driver, request }) => {
      await driver.createMachine(request)
      await expect(driver.getConsoleOutput?.(request, 1)).rejects.toMatchObject({ kind: 'Unavailable' })
      cloud.world.settle()
      expect(await driver.getConsoleOutput?.(request, 1)).toBe('ready')
      expect(await driver.getConsoleOutput?.(request, 0)).toBe('')
    }))
})

describe('trouble with Google Cloud', () => {
  it.each([
    ['Throttled', new GoogleError(403, 'rateLimitExceeded', 'slow down', 9), { retryAfterMilliseconds: 9000 }],
    ['Throttled', new GoogleError(429, 'rateLimitExceeded', 'slow down'), {}],
    ['Exhausted', new GoogleError(403, 'quotaExceeded', 'Quota CPUS exceeded'), {}],
    [
      'Forbidden',
      new GoogleError(403, 'forbidden', 'Required compute.instances.create'),
      { remedy: expect.any(String) },
    ],
    ['Unavailable', new GoogleError(503, 'backendError', 'try again'), {}],
    ['Unavailable', new GoogleError(400, 'resourceNotReady', 'not ready'), {}],
  ] as const)('is %s when it says so', (kind, error, detail) =>
    onStage(async ({ cloud, driver, request }) => {
      cloud.fault('compute.instances.insert', { kind: 'refuse', error })
      await expect(driver.createMachine(request)).rejects.toMatchObject({ kind, ...detail })
    }),
  )

  it('passes when the credentials are taken again', () =>
    onStage(async ({ cloud, driver, request }) => {
      await driver.createMachine(request)
      cloud.identity.refuse(true)
      await expect(driver.deleteMachine(request)).rejects.toMatchObject({
        kind: 'Unauthorized',
        remedy: expect.any(String),
      })
      cloud.identity.refuse(false)
      expect(await driver.deleteMachine(request)).toBe('deleting')
    }))

  it.each([
    '<html>',
    '',
    'null',
    '[]',
    '7',
    '{"items":7}',
    '{"items":{"zones/a":{"instances":7}}}',
    '{"nextPageToken":[]',
  ])('is Unavailable when it answers %j', (text) =>
    onStage(async ({ cloud, driver, request }) => {
      cloud.fault('compute.instances.aggregatedList', { kind: 'garble', text })
      const answer = await driver.listMachines(request).catch((error: unknown) => error)
      expect(isFailure(answer, 'Unavailable'), String(answer)).toBe(true)
    }),
  )

  it('calls the cloud off when the caller gives up', () =>
    onStage(async ({ cloud, driver, request }) => {
      const controller = new AbortController()
      cloud.fault('compute.instances.insert', { kind: 'hang' })
      cloud.after = () => controller.abort('enough')
      await expect(driver.createMachine(request, { signal: controller.signal })).rejects.toBe('enough')
    }))
})

describe('federated credentials', () => {
  it('are exchanged for a token, and refused for good when the exchange does not know them', () =>
    onStage(async ({ cloud, clock, request }) => {
      const directory = await mkdtemp(join(tmpdir(), 'trellis-test-'))
      try {
        const file = join(directory, 'token')
        const { host, port } = cloud.endpoint
        const tokens = { file, exchange: `http://${host}:${port}/sts/v1/token` }
        const federation = {
          type: 'external_account',
          audience: 'pool',
          subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
          token_url: tokenExchange,
          credential_source: { file: workloadTokenFile },
        }
        const secret = { credentialsConfig: JSON.stringify(federation), projectID: cloud.project }
        const driver = () => createGoogleDriver({ clock, endpoint: { host, port, tokens } })
        await writeFile(file, 'a forged token')
        await expect(driver().createMachine({ ...request, secret })).rejects.toMatchObject({
          kind: 'Unauthorized',
          remedy: expect.any(String),
        })
        await writeFile(file, foreignToken)
        expect(await driver().createMachine({ ...request, secret })).toMatchObject({ state: 'creating' })
      } finally {
        await rm(directory, { recursive: true })
      }
    }))
})
