import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { GoogleError } from '../testing/google-error.ts'
import { foreignToken } from '../testing/identity.ts'
import { instances, look, onStage, requestFor } from '../testing/stage.ts'
import { tokenExchange, workloadTokenFile } from './credentials.ts'
import { createGoogleDriver } from './driver.ts'

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
    [
      'Invalid',
      new GoogleError(400, 'invalid', "Invalid value for field 'zone': 'moon-east1-a'. Unknown zone."),
      { message: expect.stringContaining('moon-east1-a') },
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
