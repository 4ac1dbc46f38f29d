import { Failure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createApi } from '../testing/api-check.ts'
import { classFor } from '../testing/classes.ts'
import type { ApiDocument } from '../testing/generate/discovery.ts'
import compute from '../testing/generated/compute.json' with { type: 'json' }
import { instanceBody } from './instance-body.ts'
import { parseProviderSpec } from './provider-spec.ts'

const base = classFor('one')

/** Everything that a class can say. */
const full = {
  ...base,
  apiVersion: 'mcm.gardener.cloud/v1alpha1',
  canIpForward: true,
  deletionProtection: true,
  description: 'a worker',
  disks: [
    {
      boot: true,
      autoDelete: true,
      sizeGb: 50,
      type: 'pd-ssd',
      image: 'projects/p/global/images/i',
      labels: { a: 'b' },
      encryption: { kmsKeyName: 'k', kmsKeyServiceAccount: 's' },
    },
    {
      sizeGb: 100,
      type: 'hyperdisk-balanced',
      autoDelete: false,
      provisionedIops: 3000,
      provisionedThroughput: 150,
      storagePool: 'zones/z/storagePools/s',
      labels: null,
      encryption: null,
    },
    { type: 'SCRATCH', interface: 'NVME' },
  ],
  gpu: { acceleratorType: 'nvidia-tesla-t4', count: 1 },
  labels: { team: 'blue' },
  metadata: [
    { key: 'serial-port-enable', value: 'true' },
    { key: 'empty', value: null },
  ],
  minCpuPlatform: 'Intel Ice Lake',
  networkInterfaces: [
    {
      network: 'n',
      subnetwork: 's',
      disableExternalIP: false,
      stackType: 'IPV4_IPV6',
      ipv6accessType: 'EXTERNAL',
      useAliasIPs: true,
      ipCidrRange: '/24',
      subnetworkRangeName: 'pods',
    },
    { network: 'projects/p/global/networks/n' },
  ],
  scheduling: {
    automaticRestart: false,
    onHostMaintenance: 'TERMINATE',
    preemptible: false,
    provisioningModel: 'SPOT',
    instanceTerminationAction: 'DELETE',
  },
  reservationAffinity: { consumeReservationType: 'SPECIFIC_RESERVATION', values: ['r'] },
  serviceAccounts: [{ email: 'e', scopes: ['s'] }],
  shieldedInstanceConfiguration: { integrityMonitoring: true, secureBoot: true, vtpm: true },
  advancedMachineFeatures: { enableNestedVirtualization: true },
}

const api = createApi(compute as unknown as ApiDocument)
const insert = api.match('POST', '/compute/v1/projects/p/zones/z/instances')

function flawsOf(spec: unknown): readonly string[] {
  const body = instanceBody('p', 'machine-a', parseProviderSpec(spec), '#cloud-config')
  // Numbers of 64 bits travel as text; the client sees to that.
  const wire = JSON.parse(JSON.stringify(body), (key, value) =>
    /^(diskSizeGb|provisioned\w+)$/.test(key) ? String(value) : value,
  )
  return insert === undefined ? ['no such method'] : api.flawsOfRequest(insert, new URLSearchParams(), wire)
}

describe('provider specs of Google Cloud', () => {
  it('takes everything that a class can say, and Google understands all of it', () => {
    expect(flawsOf(full)).toEqual([])
    expect(flawsOf(base)).toEqual([])
  })

  it.each([
    ['a zone of another region', { zone: 'us-east1-b' }, 'zone'],
    ['no zone', { zone: undefined }, 'zone'],
    ['a local SSD without interface', { disks: [...base.disks, { type: 'SCRATCH' }] }, 'disks[1].interface'],
    ['a local SSD to start from', { disks: [{ type: 'SCRATCH', interface: 'NVME', boot: true }] }, 'disks[0].boot'],
    ['a boot disk without image', { disks: [{ boot: true, sizeGb: 5 }] }, 'disks[0].image'],
    ['a disk of no size', { disks: [...base.disks, {}] }, 'disks[1].sizeGb'],
    [
      'a speed that no disk has',
      { disks: [{ ...base.disks[0], provisionedThroughput: 1e21 }] },
      'disks[0].provisionedThroughput',
    ],
    ['a size that is none', { disks: [{ ...base.disks[0], sizeGb: 1.5 }] }, 'disks[0].sizeGb'],
    ['encryption without key', { disks: [{ ...base.disks[0], encryption: {} }] }, 'disks[0].encryption'],
    ['an interface in no network', { networkInterfaces: [{}] }, 'networkInterfaces[0].subnetwork'],
    [
      'version 6 on one stack',
      { networkInterfaces: [{ subnetwork: 's', ipv6accessType: 'EXTERNAL' }] },
      'networkInterfaces[0].ipv6accessType',
    ],
    [
      'another stack',
      { networkInterfaces: [{ subnetwork: 's', stackType: 'IPV9' }] },
      'networkInterfaces[0].stackType',
    ],
    [
      'a whole range',
      { networkInterfaces: [{ subnetwork: 's', ipCidrRange: '10.0.0.0/24' }] },
      'networkInterfaces[0].ipCidrRange',
    ],
    [
      'alias addresses of no size',
      { networkInterfaces: [{ subnetwork: 's', useAliasIPs: true }] },
      'networkInterfaces[0].ipCidrRange',
    ],
    [
      'a GPU that moves',
      { gpu: full.gpu, scheduling: { onHostMaintenance: 'MIGRATE' } },
      'scheduling.onHostMaintenance',
    ],
    ['no GPUs', { gpu: { acceleratorType: 'x', count: 0 } }, 'gpu.count'],
    [
      'a SPOT server that moves',
      { scheduling: { provisioningModel: 'SPOT', onHostMaintenance: 'MIGRATE' } },
      'scheduling.onHostMaintenance',
    ],
    [
      'a preemptible server that starts again',
      { scheduling: { preemptible: true, automaticRestart: true } },
      'scheduling.automaticRestart',
    ],
    [
      'a preemptible standard server',
      { scheduling: { preemptible: true, provisioningModel: 'STANDARD' } },
      'scheduling.provisioningModel',
    ],
    [
      'an end for what never ends',
      { scheduling: { instanceTerminationAction: 'STOP' } },
      'scheduling.instanceTerminationAction',
    ],
    [
      'a specific reservation without name',
      { reservationAffinity: { consumeReservationType: 'SPECIFIC_RESERVATION' } },
      'reservationAffinity.values',
    ],
    [
      'a key of any reservation',
      { reservationAffinity: { consumeReservationType: 'ANY_RESERVATION', key: 'k' } },
      'reservationAffinity.key',
    ],
    ['two values of one key', { metadata: [{ key: 'a' }, { key: 'a' }] }, 'metadata[1].key'],
    ['user-data as startup script', { metadata: [{ key: 'startup-script', value: 'x' }] }, 'metadata[0].key'],
    ['a label that is none', { labels: { Team: 'x' } }, 'labels'],
    ['a tag that is none', { tags: [...base.tags, 'Not.A.Tag'] }, 'tags[2]'],
    ['tags without a cluster', { tags: ['kubernetes-io-role-node'] }, 'tags'],
    ['a prefix for a cluster', { tags: ['kubernetes-io-role-node', 'kubernetes-io-cluster-'] }, 'tags[1]'],
  ])('refuses %s', (_what, change, field) => {
    expect(() => parseProviderSpec({ ...base, ...change })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: expect.stringContaining(`providerSpec.${field}`) }),
    )
  })

  it('answers ten thousand random classes with a body that Google understands or with a field', () => {
    const paths = pathsOf(full)
    const junk = fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom('', '/24', '/99', 'SCRATCH', 'SPOT', 'TERMINATE', true, 0, -1, 2 ** 60, null, undefined, [], {}),
    )
    const changes = fc.array(fc.tuple(fc.constantFrom(...paths), junk), { maxLength: 4 })
    fc.assert(
      fc.property(changes, (edits) => {
        const spec: unknown = structuredClone(full)
        for (const [path, value] of edits) put(spec, path, value === undefined ? undefined : structuredClone(value))
        try {
          expect(flawsOf(spec)).toEqual([])
        } catch (error) {
          if (!(error instanceof Failure)) throw error
          expect(error).toMatchObject({ kind: 'Invalid', field: expect.stringMatching(/^providerSpec/) })
        }
      }),
      { numRuns: 10_000 },
    )
  })
})

type Path = readonly (string | number)[]

function pathsOf(value: unknown, at: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [at]
  const inner = Object.entries(value).flatMap(([key, one]) =>
    pathsOf(one, [...at, Array.isArray(value) ? Number(key) : key]),
  )
  return at.length === 0 ? [...inner, ['surprise']] : [at, ...inner]
}

function put(target: unknown, path: Path, value: unknown): void {
  const holder = path
    .slice(0, -1)
    .reduce<unknown>((outer, key) => (outer as Record<string, unknown> | null | undefined)?.[key], target)
  const key = path.at(-1)
  if (typeof holder === 'object' && holder !== null && key !== undefined)
    (holder as Record<string, unknown>)[key] = value
}
