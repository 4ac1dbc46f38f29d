import { exampleCloudProfile, exampleSeed } from '@trellis/api/testing/examples'
import { describe, expect, it } from 'vitest'
import { storedShoot } from '../../testing/shoot-world.ts'
import { identityOf, makeBlueprint } from './blueprint.ts'

const inputs = () => ({
  shoot: storedShoot(),
  cloudProfile: exampleCloudProfile(),
  seed: exampleSeed(),
  now: Date.UTC(2026, 5, 1),
  alwaysNumberZones: false,
})

describe('the blueprint', () => {
  it('says everything that follows from a small spec', () => {
    const blueprint = makeBlueprint(inputs())
    expect(blueprint).toMatchObject({
      name: 'first',
      projectNamespace: 'garden-local',
      technicalId: 'shoot--local--first',
      kubernetesVersion: '1.37.2',
      networks: {
        nodes: '10.250.0.0/16',
        pods: '100.96.0.0/16',
        services: '100.64.0.0/16',
        nodeCidrMaskSize: 24,
        clusterDns: '100.64.0.10',
        apiServerService: '100.64.0.1',
      },
    })
    expect(blueprint.pools).toMatchObject([
      {
        name: 'worker',
        zones: [{ machineDeployment: 'shoot--local--first-worker', zone: undefined, minimum: 2, maximum: 3 }],
        image: { name: 'debian', version: '12.11.0' },
        machineType: { name: 'small' },
      },
    ])
  })

  it.each([
    ['nothing', {}, undefined, [1, 1]],
    ['the annotation', { 'alpha.control-plane.shoot.gardener.cloud/high-availability-vpn': 'true' }, undefined, [2, 1]],
    [
      'the annotation switched off',
      { 'alpha.control-plane.shoot.gardener.cloud/high-availability-vpn': 'false' },
      undefined,
      [1, 1],
    ],
    ['tolerance of the loss of a node', {}, 'node', [2, 2]],
    ['tolerance of the loss of a zone', {}, 'zone', [2, 2]],
  ] as const)('has as many ends of the tunnel as are asked for by %s', (_, annotations, type, expected) => {
    const { shoot, ...others } = inputs()
    shoot.metadata.annotations = { ...annotations }
    if (type !== undefined) shoot.spec.controlPlane = { highAvailability: { failureTolerance: { type } } }
    const { tunnelReplicas, apiServerReplicas } = makeBlueprint({ ...others, shoot })
    expect([tunnelReplicas, apiServerReplicas]).toEqual(expected)
  })

  it('keeps the control namespace that the status names', () => {
    const shoot = { ...storedShoot(), status: { technicalID: 'shoot--old--name' } }
    expect(identityOf(shoot).technicalId).toBe('shoot--old--name')
  })

  it.each([
    {
      name: 'no version',
      change: (given: ReturnType<typeof inputs>) => {
        given.cloudProfile.spec.kubernetes.versions = []
      },
      field: 'spec.kubernetes.version',
    },
    {
      name: 'no machine image',
      change: (given: ReturnType<typeof inputs>) => {
        given.cloudProfile.spec.machineImages = []
      },
      field: 'spec.provider.workers[0].machine.image',
    },
  ])('names what is missing when the cloud profile offers $name', ({ change, field }) => {
    const given = inputs()
    change(given)
    expect(() => makeBlueprint(given)).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })

  it('takes an error of ours for one: a namespace that is no project', () => {
    const shoot = storedShoot()
    shoot.metadata.namespace = 'kube-system'
    expect(() => identityOf(shoot)).toThrow('is no namespace of a project')
  })
})
