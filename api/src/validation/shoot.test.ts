import { describe, expect, it } from 'vitest'
import { exampleCloudProfile, exampleSeed, exampleShoot } from '../../testing/examples.ts'
import type { Shoot } from '../garden/shoot.ts'
import { defaultShoot } from '../garden/shoot-defaults.ts'
import type { Worker } from '../garden/shoot-worker.ts'
import { validateShoot } from './shoot.ts'

const context = { cloudProfile: exampleCloudProfile(), seed: exampleSeed(), now: Date.UTC(2026, 0, 1) }

function problems(change: (shoot: Shoot) => void): string[] {
  const shoot = exampleShoot()
  change(shoot)
  return validateShoot(shoot, context).map(({ field, message }) => `${field}: ${message}`)
}

function workerProblems(change: Partial<Worker>): string[] {
  return problems((shoot) => {
    shoot.spec.provider.workers = [{ ...firstWorker(shoot), ...change }]
  })
}

function firstWorker(shoot: Shoot): Worker {
  const [worker] = shoot.spec.provider.workers ?? []
  if (worker === undefined) throw new TypeError('the example has a worker')
  return worker
}

it('takes the example, with and without defaults', () => {
  expect(validateShoot(exampleShoot(), context)).toEqual([])
  expect(validateShoot(defaultShoot(exampleShoot(), context), context)).toEqual([])
})

describe('shape', () => {
  it('reports every unknown field with its path and what may have been meant', () => {
    const shoot = { ...exampleShoot(), surprise: 1 }
    const [worker] = shoot.spec.provider.workers ?? []
    Object.assign(worker ?? {}, { minimun: 2 })
    expect(validateShoot(shoot, context)).toEqual([
      { field: 'spec.provider.workers[0].minimun', message: 'unknown field', remedy: 'did you mean minimum?' },
      {
        field: 'surprise',
        message: 'unknown field',
        remedy: 'remove it; known here: apiVersion, kind, metadata, spec, status',
      },
    ])
  })

  it('leaves raw parts and metadata alone', () => {
    expect(
      problems((shoot) => {
        shoot.spec.provider.infrastructureConfig = { anything: { goes: true } }
        Object.assign(shoot.metadata, { managedFields: [] })
      }),
    ).toEqual([])
  })

  it('reports missing fields and wrong types, once for each place', () => {
    const wrong = {
      ...exampleShoot(),
      spec: {
        provider: { type: 'local', workers: [{ name: 'a', machine: {}, minimum: 'two', maximum: 3, maxSurge: true }] },
        purpose: 'fun',
      },
    }
    expect(validateShoot(wrong, context).map(({ field, message }) => `${field}: ${message}`)).toEqual([
      'spec.region: is required',
      'spec.provider.workers[0].machine.type: is required',
      'spec.provider.workers[0].minimum: must be integer',
      'spec.provider.workers[0].maxSurge: must be a number or text',
      'spec.purpose: must be one of evaluation, testing, development, production, infrastructure',
    ])
  })

  it.each([undefined, null, 7, 'text', [], {}])('survives %j', (input) => {
    expect(validateShoot(input, context).length).toBeGreaterThan(0)
  })
})

describe('names', () => {
  it.each([
    ['First', 'metadata.name: must be lower-case letters, digits and inner dashes'],
    ['a--b', 'metadata.name: may not contain two dashes in a row'],
    ['seventeen-letters', 'metadata.name: project local and Shoot seventeen-letters have 22 letters together'],
  ])('refuses %s', (name, problem) => {
    expect(problems((shoot) => Object.assign(shoot.metadata, { name }))).toEqual([problem])
  })

  it('allows 21 letters and refuses a namespace that is no project', () => {
    expect(problems((shoot) => Object.assign(shoot.metadata, { name: 'sixteen-letters-' }))).toHaveLength(1)
    expect(problems((shoot) => Object.assign(shoot.metadata, { name: 'sixteen-letters1' }))).toEqual([])
    expect(problems((shoot) => Object.assign(shoot.metadata, { namespace: 'default' }))).toEqual([
      'metadata.namespace: default is not the namespace of a project',
    ])
  })
})

describe('cloud profile', () => {
  it('refuses a profile that is missing or unknown, and one for another cloud', () => {
    expect(problems(({ spec }) => Object.assign(spec, { cloudProfile: undefined }))).toContain(
      'spec.cloudProfile.name: is required',
    )
    const [unknown] = validateShoot(exampleShoot(), { ...context, cloudProfile: undefined })
    expect(unknown).toEqual({ field: 'spec.cloudProfile.name', message: 'there is no cloud profile local' })
    expect(problems(({ spec }) => Object.assign(spec.provider, { type: 'aws' }))).toContain(
      'spec.provider.type: cloud profile local is for local, not aws',
    )
  })

  it('takes the older way to name it, unless the two differ', () => {
    expect(problems(({ spec }) => Object.assign(spec, { cloudProfile: undefined, cloudProfileName: 'local' }))).toEqual(
      [],
    )
    expect(problems(({ spec }) => Object.assign(spec, { cloudProfileName: 'other' }))).toEqual([
      'spec.cloudProfileName: differs from spec.cloudProfile.name local',
    ])
  })

  it('refuses unknown regions, versions and seeds', () => {
    expect(problems(({ spec }) => Object.assign(spec, { region: 'mars' }))).toEqual([
      'spec.region: there is no region mars',
    ])
    expect(problems(({ spec }) => Object.assign(spec, { kubernetes: { version: '1.99.0' } }))).toEqual([
      'spec.kubernetes.version: there is no Kubernetes version 1.99.0',
    ])
    expect(problems(({ spec }) => Object.assign(spec, { kubernetes: { version: '1.33.1' } }))).toEqual([
      'spec.kubernetes.version: Kubernetes 1.33.1 has expired',
    ])
    expect(problems(({ spec }) => Object.assign(spec, { seedName: 'other' }))).toEqual([
      'spec.seedName: there is no seed other',
    ])
  })

  it('knows when a version expires', () => {
    const shoot = exampleShoot()
    shoot.spec.kubernetes = { version: '1.36.4' }
    expect(validateShoot(shoot, context)).toEqual([])
    expect(validateShoot(shoot, { ...context, now: Date.UTC(2027, 0, 1) })).toHaveLength(1)
  })
})

describe('networks', () => {
  it.each([
    [{ pods: '10.1.128.0/17' }, 'spec.networking.pods: 10.1.128.0/17 overlaps 10.1.0.0/16, the pods of seed local'],
    [{ nodes: '100.96.0.0/15' }, 'spec.networking.pods: 100.96.0.0/16 overlaps 100.96.0.0/15, the nodes of this Shoot'],
    [{ services: '192.168.0.0/16' }, 'spec.networking.services: 192.168.0.0/16 overlaps 192.168.123.0/24, the tunnel'],
    [
      { nodes: '198.18.4.0/24' },
      'spec.networking.nodes: 198.18.4.0/24 overlaps 198.18.0.0/16, which seed local keeps for itself',
    ],
    [{ nodes: 'fd00::/64' }, 'spec.networking.nodes: fd00::/64 is not an IPv4 range such as 10.250.0.0/16'],
    [
      { nodes: '10.250.1.0/16' },
      'spec.networking.nodes: 10.250.1.0/16 has bits behind its prefix; write 10.250.0.0/16',
    ],
    [{ pods: '100.96.0.0/23' }, 'spec.networking.pods: 100.96.0.0/23 has room for 2 nodes, the pools may grow to 3'],
    [{ type: 'calico' }, 'spec.networking.type: there is no network type calico'],
  ])('refuses %j', (networking, problem) => {
    expect(problems(({ spec }) => Object.assign(spec, { networking }))).toEqual([problem])
  })

  it('does not need a seed', () => {
    expect(validateShoot(exampleShoot(), { ...context, seed: undefined })).toEqual([])
  })
})

describe('workers', () => {
  it.each<[Partial<Worker>, string]>([
    [{ machine: { type: 'huge' } }, 'machine.type: there is no machine type huge'],
    [{ machine: { type: 'retired' } }, 'machine.type: new pools may not use machine type retired'],
    [{ machine: { type: 'arm' } }, 'machine.architecture: machine type arm is arm64, not amd64'],
    [{ machine: { type: 'small', image: { name: 'none' } } }, 'machine.image.name: there is no machine image none'],
    [
      { machine: { type: 'small', image: { name: 'debian', version: '1' } } },
      'machine.image.version: machine image debian has no usable version 1',
    ],
    [{ name: 'name-of-sixteen-' }, 'name: must be at most 15 lower-case letters, digits and inner dashes'],
    [{ minimum: 4 }, 'maximum: must be at least the minimum 4'],
    [{ minimum: -1 }, 'minimum: must be at least 0'],
    [{ maxSurge: 0 }, 'maxUnavailable: may not be 0 when maxSurge is 0'],
    [{ maxSurge: '0%', maxUnavailable: '0%' }, 'maxUnavailable: may not be 0 when maxSurge is 0'],
    [{ maxSurge: 'some' }, 'maxSurge: must be a number of at least 0 or a share as in 25%'],
    [{ maxUnavailable: '101%' }, 'maxUnavailable: must be at most 100%'],
    [{ zones: ['local-3'] }, 'zones[0]: region local has no zone local-3'],
    [{ volume: { size: 'big' } }, 'volume.size: must be a quantity such as 50Gi'],
    [{ volume: { size: '1Gi', type: 'tape' } }, 'volume.type: there is no volume type tape'],
    [{ dataVolumes: [{ name: 'a', size: 'big' }] }, 'dataVolumes[0].size: must be a quantity such as 50Gi'],
    [{ dataVolumes: [{ name: 'a', size: '1Gi', type: 'tape' }] }, 'dataVolumes[0].type: there is no volume type tape'],
    [
      { dataVolumes: [{ name: 'A', size: '1Gi' }] },
      'dataVolumes[0].name: must be lower-case letters, digits and inner dashes',
    ],
    [
      {
        dataVolumes: [
          { name: 'a', size: '1Gi' },
          { name: 'a', size: '2Gi' },
        ],
      },
      'dataVolumes[1].name: there is another volume a in the pool',
    ],
    [{ labels: { 'a b': 'c' } }, 'labels[a b]: is no key such as example.com/name'],
    [{ labels: { a: 'b c' } }, 'labels[a]: b c is no value of a label'],
    [
      { machineControllerManager: { machineDrainTimeout: '5 minutes' } },
      'machineControllerManager.machineDrainTimeout: 5 minutes is no duration above 0',
    ],
    [{ kubernetes: { version: '1.40.0' } }, 'kubernetes.version: there is no Kubernetes version 1.40.0'],
  ])('refuses %j', (change, problem) => {
    expect(workerProblems(change)).toEqual([`spec.provider.workers[0].${problem}`])
  })

  it('refuses repeated names, no pool at all, and none for the system', () => {
    expect(problems(({ spec }) => spec.provider.workers?.push({ ...exampleShootWorker() }))).toEqual([
      'spec.provider.workers[1].name: there is another pool worker',
    ])
    expect(problems(({ spec }) => Object.assign(spec.provider, { workers: [] }))).toEqual([
      'spec.provider.workers: at least one worker pool is needed',
    ])
    expect(workerProblems({ taints: [{ key: 'a', effect: 'NoSchedule' }] })).toEqual([
      'spec.provider.workers: the components of the cluster need a pool with maximum of at least 1 and without taints',
    ])
  })

  it('keeps kubelets within three minor versions below the control plane', () => {
    const withVersions = (controlPlane: string, kubelet: string) =>
      problems((shoot) => {
        shoot.spec.kubernetes = { version: controlPlane }
        shoot.spec.provider.workers = [{ ...firstWorker(shoot), kubernetes: { version: kubelet } }]
      })
    const at = 'spec.provider.workers[0].kubernetes.version'
    expect(withVersions('1.37.2', '1.36.4')).toEqual([])
    expect(withVersions('1.36.4', '1.37.2')).toEqual([`${at}: 1.37.2 is newer than the control plane's 1.36.4`])
    expect(withVersions('1.37.2', '1.33.1')).toEqual([
      `${at}: 1.33.1 is more than three minor versions older than the control plane's 1.37.2`,
    ])
  })
})

describe('what of the control plane may fail', () => {
  it.each([
    ['node', []],
    ['zone', []],
    ['region', [expect.stringMatching(/^spec\.controlPlane\.highAvailability\.failureTolerance\.type: /)]],
  ])('%s', (type, expected) => {
    const controlPlane = { highAvailability: { failureTolerance: { type } } }
    expect(problems(({ spec }) => Object.assign(spec, { controlPlane }))).toEqual(expected)
  })
})

describe('what is not available', () => {
  it('is refused instead of ignored', () => {
    expect(problems(({ spec }) => Object.assign(spec, { hibernation: { enabled: true } }))).toEqual([
      'spec.hibernation.enabled: is not available',
    ])
    expect(problems(({ spec }) => Object.assign(spec, { hibernation: { enabled: false } }))).toEqual([])
  })
})

function exampleShootWorker(): Worker {
  return firstWorker(exampleShoot())
}
