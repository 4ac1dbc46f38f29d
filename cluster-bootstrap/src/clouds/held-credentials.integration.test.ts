import { namespaces, secrets } from '@trellis/api/core/configuration'
import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { credentialsBindings } from '@trellis/api/garden/credentials-binding'
import { secretBindings } from '@trellis/api/garden/project'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { exampleGrowth } from '../../testing/example-clouds.ts'
import { type GardenPlane, startGardenPlane } from '../../testing/garden-plane.ts'
import { encodeSecret } from '../secrets/secret-store.ts'
import { awsCloud } from './aws/cloud.ts'
import { createHeldCredentials, credentialsFinalizer } from './held-credentials.ts'

let plane: GardenPlane
beforeAll(async () => {
  plane = await startGardenPlane()
  await plane.plane.client.create(cloudProfiles, (await exampleGrowth('aws')).cloudProfile)
})
afterAll(() => plane?.[Symbol.asyncDispose]())

let count = 0
let namespace = ''
beforeEach(async () => {
  namespace = `garden-held-${++count}`
  await plane.plane.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
})

async function addSecret(name: string): Promise<void> {
  const data = encodeSecret({ accessKeyID: 'AKIA', secretAccessKey: 'very secret' })
  await plane.plane.client.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data })
}

/** A Secret and the binding that leads to it. */
async function addAccount(name: string): Promise<void> {
  await addSecret(name)
  await plane.plane.client.create(credentialsBindings, {
    apiVersion: 'security.gardener.cloud/v1alpha1',
    kind: 'CredentialsBinding',
    metadata: { name, namespace },
    provider: { type: 'aws' },
    credentialsRef: { apiVersion: 'v1', kind: 'Secret', name, namespace },
  })
}

async function addShoot(name: string, binding: Partial<Shoot['spec']> = { credentialsBindingName: 'first' }) {
  const { shoot } = await exampleGrowth('aws')
  const { credentialsBindingName: _, ...spec } = shoot.spec
  return plane.plane.client.create(shoots, { ...shoot, metadata: { name, namespace }, spec: { ...spec, ...binding } })
}

/** What the process does for a Shoot, with the rights of its chart, as it would after reading the Shoot afresh. */
async function heldBy(name: string) {
  const shoot = await plane.pod.client.get(shoots, { namespace, name })
  const technicalId = `shoot--held-${count}--${name}`
  return createHeldCredentials({ garden: plane.pod.client, cloud: awsCloud, shoot, technicalId })
}

const finalizer = (name: string) => credentialsFinalizer(`shoot--held-${count}--${name}`)
const find = <Kind extends KubernetesObject>(resource: Resource<Kind>, name: string) =>
  plane.plane.client.find(resource, { namespace, name })
const finalizersOf = async <Kind extends KubernetesObject>(resource: Resource<Kind>, name: string) =>
  (await find(resource, name))?.metadata.finalizers ?? []
const remove = <Kind extends KubernetesObject>(resource: Resource<Kind>, name: string) =>
  plane.plane.client.delete(resource, { namespace, name })

describe('credentials that a Shoot needs, with the rights of the chart', () => {
  it('stay when they are deleted, until the Shoot lets them go', async () => {
    await addAccount('first')
    await addShoot('one')
    await (await heldBy('one')).hold()
    await remove(credentialsBindings, 'first')
    await remove(secrets, 'first')
    expect((await find(secrets, 'first'))?.data).toBeDefined()
    expect(await find(credentialsBindings, 'first')).toBeDefined()
    const { status } = await plane.plane.client.get(shoots, { namespace, name: 'one' })
    expect(status?.heldCredentials).toEqual([
      { kind: 'CredentialsBinding', namespace, name: 'first' },
      { kind: 'Secret', namespace, name: 'first' },
    ])
    await (await heldBy('one')).letGo()
    expect(await find(secrets, 'first')).toBeUndefined()
    expect(await find(credentialsBindings, 'first')).toBeUndefined()
    await (await heldBy('one')).letGo()
  })

  it('stay for the other Shoots that use them, also when several hold and let go at once', async () => {
    await addAccount('first')
    const names = ['one', 'two', 'three', 'four']
    for (const name of names) await addShoot(name)
    const held = await Promise.all(names.map(heldBy))
    await Promise.all(held.map((one) => one.hold()))
    expect((await finalizersOf(secrets, 'first')).toSorted()).toEqual(names.map(finalizer).toSorted())
    await remove(secrets, 'first')
    const [last, ...others] = await Promise.all(names.map(heldBy))
    await Promise.all(others.map((one) => one.letGo()))
    expect(await finalizersOf(secrets, 'first')).toEqual([finalizer('one')])
    expect(await finalizersOf(credentialsBindings, 'first')).toEqual([finalizer('one')])
    await last?.letGo()
    expect(await find(secrets, 'first')).toBeUndefined()
    // Nobody deleted the binding.
    expect(await finalizersOf(credentialsBindings, 'first')).toEqual([])
  })

  it('keep the finalizers of others', async () => {
    await addAccount('first')
    const key = { namespace, name: 'first' }
    await plane.plane.client.patch(secrets, key, { metadata: { finalizers: ['example.org/backup'] } })
    await addShoot('one')
    await (await heldBy('one')).hold()
    expect(await finalizersOf(secrets, 'first')).toEqual(['example.org/backup', finalizer('one')])
    await (await heldBy('one')).letGo()
    expect(await finalizersOf(secrets, 'first')).toEqual(['example.org/backup'])
  })

  it('are let go when the Shoot names others, and not before', async () => {
    await addAccount('first')
    await addAccount('second')
    await addShoot('one')
    await (await heldBy('one')).hold()
    const spec = { credentialsBindingName: 'second' }
    await plane.plane.client.patch(shoots, { namespace, name: 'one' }, { spec })
    const held = await heldBy('one')
    await held.hold()
    expect(await finalizersOf(secrets, 'first')).toEqual([finalizer('one')])
    await held.letGoOfOthers()
    expect(await finalizersOf(secrets, 'first')).toEqual([])
    expect(await finalizersOf(credentialsBindings, 'first')).toEqual([])
    expect(await finalizersOf(secrets, 'second')).toEqual([finalizer('one')])
    const { status } = await plane.plane.client.get(shoots, { namespace, name: 'one' })
    expect(status?.heldCredentials?.map(({ name }) => name)).toEqual(['second', 'second'])
  })

  it('are let go by a Shoot whose status was lost', async () => {
    await addAccount('first')
    await addShoot('one')
    await (await heldBy('one')).hold()
    const status = { heldCredentials: null }
    await plane.plane.client.patch(shoots, { namespace, name: 'one' }, { status }, { subresource: 'status' })
    await (await heldBy('one')).letGo()
    expect(await finalizersOf(secrets, 'first')).toEqual([])
    expect(await finalizersOf(credentialsBindings, 'first')).toEqual([])
  })

  it('may be those of a SecretBinding', async () => {
    await addSecret('first')
    await plane.plane.client.create(secretBindings, {
      apiVersion: 'core.gardener.cloud/v1beta1',
      kind: 'SecretBinding',
      metadata: { name: 'old', namespace },
      secretRef: { name: 'first' },
    })
    await addShoot('one', { secretBindingName: 'old' })
    await (await heldBy('one')).hold()
    expect(await finalizersOf(secretBindings, 'old')).toEqual([finalizer('one')])
    expect(await finalizersOf(secrets, 'first')).toEqual([finalizer('one')])
    await (await heldBy('one')).letGo()
    expect(await finalizersOf(secretBindings, 'old')).toEqual([])
    expect(await finalizersOf(secrets, 'first')).toEqual([])
  })

  it('cannot be taken up when they are on their way out', async () => {
    await addAccount('first')
    await addShoot('one')
    await addShoot('two')
    await (await heldBy('one')).hold()
    await remove(secrets, 'first')
    await (await heldBy('one')).hold()
    await expect((await heldBy('two')).hold()).rejects.toMatchObject({
      kind: 'Unavailable',
      field: 'spec.credentialsBindingName',
      message: `Secret ${namespace}/first is being deleted`,
    })
    await (await heldBy('two')).letGo()
    await (await heldBy('one')).letGo()
    expect(await find(secrets, 'first')).toBeUndefined()
  })
})
