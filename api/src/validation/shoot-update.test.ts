import { describe, expect, it } from 'vitest'
import { exampleCloudProfile, exampleShoot } from '../../testing/examples.ts'
import type { Shoot } from '../garden/shoot.ts'
import { defaultShoot } from '../garden/shoot-defaults.ts'
import { validateShootUpdate } from './shoot-update.ts'

const context = { cloudProfile: exampleCloudProfile() }
const before = (): Shoot => defaultShoot(exampleShoot(), context)

function problems(change: (shoot: Shoot) => void, from: Shoot = before()): string[] {
  const after = structuredClone(from)
  change(after)
  return validateShootUpdate(from, after).map(({ field, message }) => `${field}: ${message}`)
}

it('lets pools, labels and purpose change', () => {
  expect(
    problems(({ spec }) => {
      spec.purpose = 'production'
      spec.provider.workers?.push({ name: 'other', machine: { type: 'small' }, minimum: 0, maximum: 1 })
    }),
  ).toEqual([])
})

describe('what is fixed', () => {
  it.each<[string, (shoot: Shoot) => void]>([
    ['spec.provider.type', ({ spec }) => Object.assign(spec.provider, { type: 'aws' })],
    ['spec.region', ({ spec }) => Object.assign(spec, { region: 'other' })],
    ['spec.cloudProfile.name', ({ spec }) => Object.assign(spec.cloudProfile ?? {}, { name: 'other' })],
    ['spec.networking.nodes', ({ spec }) => Object.assign(spec.networking ?? {}, { nodes: '10.251.0.0/16' })],
    ['spec.networking.pods', ({ spec }) => Object.assign(spec.networking ?? {}, { pods: undefined })],
    ['spec.networking.services', ({ spec }) => Object.assign(spec.networking ?? {}, { services: '100.65.0.0/16' })],
  ])('%s', (field, change) => {
    const found = problems(change)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(`${field}: may not change from `)
  })

  it('the seed, once it is set', () => {
    expect(problems(({ spec }) => Object.assign(spec, { seedName: 'a' }))).toEqual([])
    const bound = before()
    bound.spec.seedName = 'a'
    expect(problems(({ spec }) => Object.assign(spec, { seedName: 'b' }), bound)).toEqual([
      'spec.seedName: may not change from a to b',
    ])
  })
})

describe('what of the control plane may fail', () => {
  const tolerating = (type: 'node' | 'zone'): Pick<Shoot['spec'], 'controlPlane'> => ({
    controlPlane: { highAvailability: { failureTolerance: { type } } },
  })

  it('may be set, and taken away, but not become something else', () => {
    expect(problems(({ spec }) => Object.assign(spec, tolerating('node')))).toEqual([])
    const tolerant = before()
    Object.assign(tolerant.spec, tolerating('node'))
    expect(problems(({ spec }) => Object.assign(spec, { controlPlane: undefined }), tolerant)).toEqual([])
    expect(problems(({ spec }) => Object.assign(spec, tolerating('zone')), tolerant)).toEqual([
      'spec.controlPlane.highAvailability.failureTolerance.type: may not change from node to zone',
    ])
  })
})

describe('versions', () => {
  it.each([
    ['1.37.2', '1.37.3', []],
    ['1.37.2', '1.38.0', []],
    ['1.37.2', '1.39.0', ['spec.kubernetes.version: may not skip a minor version from 1.37.2 to 1.39.0']],
    ['1.37.2', '1.37.1', ['spec.kubernetes.version: may not go down from 1.37.2 to 1.37.1']],
  ])('from %s to %s', (from, to, expected) => {
    const shoot = before()
    Object.assign(shoot.spec.kubernetes ?? {}, { version: from })
    expect(problems(({ spec }) => Object.assign(spec.kubernetes ?? {}, { version: to }), shoot)).toEqual(expected)
  })
})

it('fixes the whole spec of a Shoot that is being deleted', () => {
  const deleted = before()
  deleted.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
  expect(problems(() => {}, deleted)).toEqual([])
  expect(problems(({ spec }) => Object.assign(spec, { purpose: 'testing' }), deleted)).toEqual([
    'spec: may not change any more: the Shoot is being deleted',
  ])
})
