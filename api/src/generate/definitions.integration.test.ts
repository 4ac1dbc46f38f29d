import { request } from 'node:https'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  exampleCloudProfile,
  exampleMachineClass,
  exampleMachineDeployment,
  exampleSeed,
  exampleShoot,
} from '../../testing/examples.ts'
import { findCondition } from '../conditions.ts'
import { namespaces } from '../core/configuration.ts'
import { customResourceDefinitions } from '../core/extension.ts'
import { cloudProfiles } from '../garden/cloud-profile.ts'
import { gardenApiVersion } from '../garden/common.ts'
import { projects } from '../garden/project.ts'
import { seeds } from '../garden/seed.ts'
import { type Shoot, shoots } from '../garden/shoot.ts'
import { defaultShoot } from '../garden/shoot-defaults.ts'
import { machineApiVersion } from '../machine/common.ts'
import { machines } from '../machine/machine.ts'
import { machineClasses } from '../machine/machine-class.ts'
import { machineDeployments } from '../machine/machine-deployment.ts'
import { customResourceDefinition } from './custom-resource-definition.ts'
import { definitions } from './kinds.ts'

const shootPath = `/apis/${gardenApiVersion}/namespaces/garden-local/shoots`

/** A real API server learns every kind, once for all tests here. */
let server: TestControlPlane

beforeAll(async () => {
  server = await startTestControlPlane()
  const manifests = definitions.map(customResourceDefinition)
  await Promise.all(manifests.map((manifest) => server.client.create(customResourceDefinitions, manifest)))
  for (const { metadata } of manifests) {
    await vi.waitFor(
      async () => {
        const { status } = await server.client.get(customResourceDefinitions, metadata)
        expect(findCondition(status?.conditions, 'Established')?.status).toBe('True')
      },
      { timeout: 30_000 },
    )
  }
  for (const name of ['garden-local', 'shoot--local--first']) {
    await server.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
})

afterAll(() => server?.[Symbol.asyncDispose]())

async function post(path: string, object: unknown): Promise<unknown> {
  const answer = await server.client.request({
    method: 'POST',
    path: `${path}?fieldValidation=Strict&dryRun=All`,
    body: object,
  })
  return JSON.parse(answer.body)
}

describe('definitions', () => {
  it.each(definitions.map((definition) => [definition.resource.kind, definition]))(
    'the server has nothing against %s',
    async (_, definition) => {
      const { metadata } = customResourceDefinition(definition)
      const { status } = await server.client.get(customResourceDefinitions, metadata)
      expect(findCondition(status?.conditions, 'NamesAccepted')?.status).toBe('True')
      expect(findCondition(status?.conditions, 'NonStructuralSchema')?.status ?? 'False').toBe('False')
    },
  )
})

describe('objects', () => {
  it('keeps every field of the examples', async () => {
    const shoot = defaultShoot(exampleShoot(), { cloudProfile: exampleCloudProfile() })
    expect((await server.client.create(shoots, shoot)).spec).toEqual(shoot.spec)
    expect((await server.client.create(seeds, exampleSeed())).spec).toEqual(exampleSeed().spec)
    expect((await server.client.create(cloudProfiles, exampleCloudProfile())).spec).toEqual(exampleCloudProfile().spec)
    expect(await server.client.create(machineClasses, exampleMachineClass())).toMatchObject(exampleMachineClass())
    const deployment = exampleMachineDeployment()
    expect((await server.client.create(machineDeployments, deployment)).spec).toEqual(deployment.spec)
    const project = {
      apiVersion: gardenApiVersion,
      kind: 'Project',
      metadata: { name: 'local' },
      spec: { purpose: 'x' },
    }
    expect((await server.client.create(projects, project)).spec).toEqual(project.spec)
  })

  it('keeps the status of a Shoot with its tasks', async () => {
    const status = {
      observedGeneration: 1,
      lastOperation: {
        type: 'Create',
        state: 'Processing',
        progress: 43,
        description: 'waiting',
        lastUpdateTime: '2026-01-01T00:00:00Z',
      },
      tasks: [{ id: 'namespace', state: 'Succeeded', startTime: '2026-01-01T00:00:00Z', tries: 1 }],
    }
    const shoot = { ...exampleShoot(), metadata: { name: 'status', namespace: 'garden-local' } }
    await server.client.create(shoots, shoot)
    const after = await server.client.patch(
      shoots,
      shoot.metadata,
      { status },
      { type: 'merge', subresource: 'status' },
    )
    expect(after.status).toEqual(status)
    expect(after.metadata.generation).toBe(1)
  })

  it('refuses an unknown field of a Shoot and names it', async () => {
    const shoot = exampleShoot()
    Object.assign(shoot.spec, { surprise: true })
    await expect(post(shootPath, shoot)).rejects.toThrow(/spec\.surprise/)
    await expect(post(shootPath, exampleShoot())).rejects.toThrow(/already exists/)
  })

  it('refuses a Shoot without region, and a purpose that does not exist', async () => {
    const { region: _, ...spec } = exampleShoot().spec
    await expect(post(shootPath, { ...exampleShoot(), spec })).rejects.toThrow(/spec\.region/)
    const odd = { ...exampleShoot(), spec: { ...exampleShoot().spec, purpose: 'fun' } }
    await expect(post(shootPath, odd)).rejects.toThrow(/spec\.purpose/)
  })

  it.each<[string, (shoot: Shoot) => void]>([
    ['spec.region', ({ spec }) => Object.assign(spec, { region: 'other' })],
    ['spec.provider.type', ({ spec }) => Object.assign(spec.provider, { type: 'other' })],
    ['spec.networking.pods', ({ spec }) => Object.assign(spec.networking ?? {}, { pods: '100.100.0.0/16' })],
    ['spec.cloudProfile.name', ({ spec }) => Object.assign(spec.cloudProfile ?? {}, { name: 'other' })],
  ])('keeps %s of a Shoot as it was', async (field, change) => {
    const shoot = await server.client.get(shoots, { namespace: 'garden-local', name: 'first' })
    change(shoot)
    await expect(server.client.replace(shoots, shoot)).rejects.toMatchObject({
      kind: 'Invalid',
      message: expect.stringContaining(`${field}: Invalid value: "${valueAt(shoot, field)}": may not change`),
    })
  })

  it('lets the pools of a Shoot change, and its seed be chosen once', async () => {
    const shoot = { ...exampleShoot(), metadata: { name: 'changes', namespace: 'garden-local' } }
    const { metadata } = await server.client.create(shoots, shoot)
    const choose = (seedName: string) =>
      server.client.patch(shoots, metadata, { spec: { seedName } }, { type: 'merge' })
    expect((await choose('one')).spec.seedName).toBe('one')
    await expect(choose('two')).rejects.toThrow('spec.seedName')
    const provider = { workers: [{ name: 'other', machine: { type: 'small' }, minimum: 0, maximum: 9 }] }
    const after = await server.client.patch(shoots, metadata, { spec: { provider } }, { type: 'merge' })
    expect(after.spec.provider.workers).toEqual(provider.workers)
  })

  it.each<[string, (shoot: Shoot) => void]>([
    ['may not contain two dashes in a row', ({ metadata }) => Object.assign(metadata, { name: 'a--b' })],
    ['at most 21 letters together', ({ metadata }) => Object.assign(metadata, { name: 'a'.repeat(21) })],
    ['maximum must be at least minimum', ({ spec }) => Object.assign(spec.provider.workers?.[0] ?? {}, { minimum: 4 })],
    ['Duplicate value', ({ spec }) => spec.provider.workers?.push(...(exampleShoot().spec.provider.workers ?? []))],
  ])('refuses at once: %s', async (message, change) => {
    const shoot = { ...exampleShoot(), metadata: { name: 'refused', namespace: 'garden-local' } }
    change(shoot)
    await expect(post(shootPath, shoot)).rejects.toThrow(message)
  })

  it('accepts machines of clients that say little', async () => {
    const path = `/apis/${machineApiVersion}/namespaces/shoot--local--first/machines`
    const machine = { apiVersion: machineApiVersion, kind: 'Machine', metadata: { name: 'bare' } }
    expect(await post(path, machine)).toMatchObject(machine)
    const full = {
      ...machine,
      spec: {
        class: { apiGroup: 'machine.sapcloud.io', kind: 'MachineClass', name: 'a' },
        nodeTemplate: {
          metadata: { creationTimestamp: null, labels: { a: 'b' }, anything: 1 },
          spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] },
        },
        drainTimeout: '10m0s',
      },
    }
    expect(await post(path, full)).toMatchObject({ spec: { nodeTemplate: { metadata: { anything: 1 } } } })
  })
})

describe('kubectl', () => {
  it('shows the columns and conditions of a Shoot', async () => {
    const shoot = { ...exampleShoot(), metadata: { name: 'columns', namespace: 'garden-local' } }
    await server.client.create(shoots, shoot)
    const condition = {
      type: 'APIServerAvailable',
      status: 'True',
      reason: 'Answers',
      message: 'it answers',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    }
    await server.client.patch(
      shoots,
      shoot.metadata,
      { status: { conditions: [condition] } },
      { type: 'merge', subresource: 'status' },
    )
    const row = await table(`${shootPath}/columns`)
    expect(row).toMatchObject({ Provider: 'local', Region: 'local', APIServer: 'True' })
  })

  it('shows the phase and node of a Machine', async () => {
    const metadata = { name: 'columns', namespace: 'shoot--local--first', labels: { node: 'node-1' } }
    await server.client.create(machines, {
      apiVersion: machineApiVersion,
      kind: 'Machine',
      metadata,
      spec: { providerID: 'local:///x' },
    })
    await server.client.patch(
      machines,
      metadata,
      { status: { currentStatus: { phase: 'Running' } } },
      { type: 'merge', subresource: 'status' },
    )
    const path = `/apis/${machineApiVersion}/namespaces/shoot--local--first/machines/columns`
    expect(await table(path)).toMatchObject({ Status: 'Running', Node: 'node-1', ProviderID: 'local:///x' })
  })

  it('scales a MachineDeployment', async () => {
    const key = { namespace: 'shoot--local--first', name: 'worker' }
    const before = await server.client.get(machineDeployments, key)
    await server.client.patch(
      machineDeployments,
      key,
      { spec: { replicas: 5 } },
      { type: 'merge', subresource: 'scale' },
    )
    const after = await server.client.get(machineDeployments, key)
    expect([before.spec?.replicas, after.spec?.replicas]).toEqual([2, 5])
  })
})

/** The one row that `kubectl get` would show, by column. */
async function table(path: string): Promise<Record<string, unknown>> {
  const response = await fetchTable(path)
  const [row] = response.rows
  return Object.fromEntries(response.columnDefinitions.map(({ name }, index) => [name, row?.cells[index]]))
}

interface Table {
  readonly columnDefinitions: readonly { readonly name: string }[]
  readonly rows: readonly { readonly cells: readonly unknown[] }[]
}

async function fetchTable(path: string): Promise<Table> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${server.url}${path}`,
      {
        ca: server.certificateAuthority,
        headers: {
          accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
          authorization: `Bearer ${server.token}`,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
      },
    )
    outgoing.on('error', reject)
    outgoing.end()
  })
}

function valueAt(object: unknown, field: string): unknown {
  return field.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], object)
}
