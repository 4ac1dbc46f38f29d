import { expect, it } from 'vitest'
import { exampleCloudProfile, exampleSeed, exampleShoot } from '../../testing/examples.ts'
import { defaultShoot } from './shoot-defaults.ts'
import { projectOfNamespace, shootTechnicalId } from './shoot-names.ts'
import { newestVersion } from './versions.ts'

const context = { cloudProfile: exampleCloudProfile(), seed: exampleSeed() }

it('sets what is absent', () => {
  const { spec } = defaultShoot(exampleShoot(), context)
  expect(spec).toMatchObject({
    purpose: 'evaluation',
    networking: { type: 'cloud-routes', nodes: '10.250.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' },
    kubernetes: { version: '1.37.2', kubeControllerManager: { nodeCIDRMaskSize: 24 }, kubeProxy: { mode: 'NFTables' } },
  })
  expect(spec.provider.workers).toEqual([
    {
      name: 'worker',
      machine: { type: 'small', architecture: 'amd64', image: { name: 'debian', version: '12.11.0' } },
      minimum: 2,
      maximum: 3,
      maxSurge: 1,
      maxUnavailable: 0,
      cri: { name: 'containerd' },
    },
  ])
})

it('keeps what is written and does not touch its argument', () => {
  const shoot = exampleShoot()
  shoot.spec.networking = { pods: '100.100.0.0/16' }
  shoot.spec.kubernetes = { version: '1.36.4', kubeControllerManager: { nodeCIDRMaskSize: 25 } }
  const copy = structuredClone(shoot)
  const { spec } = defaultShoot(shoot, context)
  expect(shoot).toEqual(copy)
  expect(spec.networking.pods).toBe('100.100.0.0/16')
  expect(spec.kubernetes).toMatchObject({ version: '1.36.4', kubeControllerManager: { nodeCIDRMaskSize: 25 } })
})

it('changes nothing the second time', () => {
  const once = defaultShoot(exampleShoot(), context)
  expect(defaultShoot(once, context)).toEqual(once)
})

it('turns the older name of the profile into the newer', () => {
  const shoot = exampleShoot()
  shoot.spec = { ...shoot.spec, cloudProfileName: 'local' }
  delete shoot.spec.cloudProfile
  const { spec } = defaultShoot(shoot)
  expect(spec.cloudProfile).toEqual({ kind: 'CloudProfile', name: 'local' })
  expect(spec).not.toHaveProperty('cloudProfileName')
})

it('takes pods and services from the seed when it has some for shoots', () => {
  const seed = exampleSeed()
  seed.spec.networks.shootDefaults = { pods: '100.112.0.0/16', services: '100.80.0.0/16' }
  expect(defaultShoot(exampleShoot(), { seed }).spec.networking).toMatchObject({
    pods: '100.112.0.0/16',
    services: '100.80.0.0/16',
  })
})

it('chooses the newest version that is no preview and has not expired', () => {
  const { versions } = exampleCloudProfile().spec.kubernetes
  expect(newestVersion(versions)).toBe('1.37.2')
  expect(newestVersion([{ version: '1.38.0', classification: 'preview' }])).toBe('1.38.0')
  expect(
    newestVersion([{ version: '1.2.0', expirationDate: '2026-01-01T00:00:00Z' }], Date.UTC(2027, 0)),
  ).toBeUndefined()
  expect(newestVersion([{ version: '12.9.0' }, { version: '12.11.0' }])).toBe('12.11.0')
})

it('names projects and control namespaces', () => {
  expect(projectOfNamespace('garden-local')).toBe('local')
  expect(projectOfNamespace('garden-')).toBeUndefined()
  expect(projectOfNamespace('kube-system')).toBeUndefined()
  expect(shootTechnicalId('local', 'first')).toBe('shoot--local--first')
})
