import { secrets } from '@trellis/api/core/configuration'
import { services as serviceResource } from '@trellis/api/core/service'
import { deployments } from '@trellis/api/core/workload'
import { createMemoryJournal } from '@trellis/flow/journal'
import { runFlow } from '@trellis/flow/run-flow'
import { drive } from '@trellis/flow/testing/stock-tests'
import { describe as explain } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { createShootWorld, exampleImages, type ShootWorld } from '../../testing/shoot-world.ts'
import type { Release } from '../helm.ts'
import { decodeSecret } from '../secrets/secret-store.ts'
import type { ShootServices } from '../tasks/services.ts'
import { makeCreateFlow } from './create-flow.ts'

const namespace = 'shoot--local--first'
const one = { tunnelReplicas: 2, apiServerReplicas: 1 }
const two = { tunnelReplicas: 2, apiServerReplicas: 2 }

async function reconcile(world: ShootWorld, size: typeof one, change: Partial<ShootServices> = {}): Promise<void> {
  const blueprint = { ...world.services.blueprint, ...size }
  const { errors } = await drive(
    world.clock,
    runFlow(makeCreateFlow(), {
      clock: world.clock,
      random: createSeededRandom('run'),
      journal: createMemoryJournal(),
      run: 'one',
      services: { ...world.services, blueprint, ...change },
    }),
  )
  expect(errors.map(({ task, error }) => `${task}: ${explain(error)}`)).toEqual([])
}

/** A world that notes what is asked of Helm for the control plane, and what stands then. */
function watched(world: ShootWorld): { readonly services: Partial<ShootServices>; readonly steps: string[] } {
  const steps: string[] = []
  const { helm } = world.services
  return {
    steps,
    services: {
      helm: {
        install: async (target, release: Release, signal) => {
          if (release.name !== 'control-plane') return helm.install(target, release, signal)
          const further = (release.values.furtherReplicas as readonly unknown[] | undefined)?.length ?? 0
          const held = (await world.garden.list(deployments, { namespace, labelSelector: 'app=kube-apiserver' })).items
            .filter(({ spec }) => spec?.paused === true)
            .map(({ metadata }) => metadata.name)
          steps.push(`${1 + further} wanted, held ${held.join()}, ${(await tunnelPorts(world)).length} ports`)
          return helm.install(target, release, signal)
        },
      },
    },
  }
}

const tunnelPorts = async ({ garden }: ShootWorld) =>
  ((await garden.get(serviceResource, { namespace, name: 'kube-apiserver' })).spec?.ports ?? []).filter(
    ({ protocol }) => protocol === 'UDP',
  )

const apiServers = async ({ garden }: ShootWorld) =>
  (await garden.list(deployments, { namespace, labelSelector: 'app=kube-apiserver' })).items.map(
    ({ metadata, spec }) => `${metadata.name}${spec?.paused === true ? ' (paused)' : ''}`,
  )

const linksInShoot = async ({ shootApi }: ShootWorld) => {
  const data = decodeSecret(await shootApi.get(secrets, { namespace: 'kube-system', name: 'vpn-shoot' }))
  return JSON.parse(data['config-0.json'] ?? '').links.length as number
}

describe('API servers', () => {
  it('become two: the door and the ends in the shoot know before, and the first goes on meanwhile', async () => {
    const world = createShootWorld()
    await reconcile(world, one)
    expect([await apiServers(world), await linksInShoot(world)]).toEqual([['kube-apiserver'], 1])
    const { services, steps } = watched(world)
    const links: number[] = []
    const helm = {
      install: async (...call: Parameters<ShootServices['helm']['install']>) => {
        if (call[1].name === 'control-plane') links.push(await linksInShoot(world))
        await services.helm?.install(...call)
      },
    }
    await reconcile(world, two, { helm })
    expect(steps).toEqual(['2 wanted, held kube-apiserver, 8 ports'])
    expect(links).toEqual([2])
    expect(await apiServers(world)).toEqual(['kube-apiserver', 'kube-apiserver-1'])
    expect((await tunnelPorts(world)).map(({ targetPort }) => targetPort)).toContain('tunnel-51828')
  })

  it('become one again: the first is as it is to be before the other goes, whose ports and keys go last', async () => {
    const world = createShootWorld()
    await reconcile(world, two)
    expect(await apiServers(world)).toEqual(['kube-apiserver', 'kube-apiserver-1'])
    const { services, steps } = watched(world)
    await reconcile(world, one, services)
    expect(steps).toEqual(['2 wanted, held kube-apiserver,kube-apiserver-1, 8 ports', '1 wanted, held , 8 ports'])
    expect(await apiServers(world)).toEqual(['kube-apiserver'])
    expect(await tunnelPorts(world)).toHaveLength(4)
    expect(await linksInShoot(world)).toBe(1)
    expect(await world.garden.find(secrets, { namespace, name: 'vpn-seed-1' })).toBeUndefined()
  })

  it('are held while another version comes, and none stays so', async () => {
    const world = createShootWorld()
    await reconcile(world, two)
    const { services, steps } = watched(world)
    const images = { ...exampleImages, 'kube-apiserver': 'registry.example/kube-apiserver:2' }
    await reconcile(world, two, { ...services, images })
    expect(steps).toEqual(['2 wanted, held kube-apiserver,kube-apiserver-1, 8 ports'])
    expect(await apiServers(world)).toEqual(['kube-apiserver', 'kube-apiserver-1'])
  })

  it('are never held when there is one', async () => {
    const world = createShootWorld()
    await reconcile(world, one)
    const { services, steps } = watched(world)
    await reconcile(world, one, services)
    expect(steps).toEqual(['1 wanted, held , 4 ports'])
  })

  it('come also to a shoot that cannot be told of them', async () => {
    const world = createShootWorld()
    await reconcile(world, one)
    let told = false
    const connectToShoot: ShootServices['connectToShoot'] = async () => {
      if (told) return world.services.connectToShoot()
      told = true
      throw new RangeError('no way there')
    }
    await reconcile(world, two, { connectToShoot })
    expect(await apiServers(world)).toEqual(['kube-apiserver', 'kube-apiserver-1'])
    expect(await linksInShoot(world)).toBe(2)
  })
})
