import { secrets } from '@trellis/api/core/configuration'
import { credentialsBindings } from '@trellis/api/garden/credentials-binding'
import { secretBindings } from '@trellis/api/garden/project'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient, type FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { beforeEach, describe, expect, it } from 'vitest'
import { exampleGrowth } from '../../testing/example-clouds.ts'
import { encodeSecret } from '../secrets/secret-store.ts'
import { awsCloud } from './aws/cloud.ts'
import { bindingErrors, readCredentials } from './credentials.ts'
import { localCloud } from './local.ts'

const namespace = 'garden-local'
const seedCredentials = { endpoint: 'https://198.18.0.1:8443', token: 't', caBundle: 'PEM', other: 'x' }
const place = { providerConfig: undefined, region: 'eu-central-1' }
const account = { accessKeyID: 'AKIA', secretAccessKey: 'very secret' }

let garden: FakeClient
beforeEach(() => {
  garden = createFakeClient({ clock: createVirtualClock(0), random: createSeededRandom('credentials') })
})

async function addSecret(data: Record<string, string>, name = 'aws'): Promise<void> {
  const metadata = { name, namespace }
  await garden.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data: encodeSecret(data) })
}

async function addBinding(kind = 'Secret', type = 'aws'): Promise<void> {
  await garden.create(credentialsBindings, {
    apiVersion: 'security.gardener.cloud/v1alpha1',
    kind: 'CredentialsBinding',
    metadata: { name: 'aws', namespace },
    provider: { type },
    credentialsRef: { apiVersion: 'v1', kind, name: 'aws', namespace },
  })
}

async function addSecretBinding(secretNamespace?: string): Promise<void> {
  await garden.create(secretBindings, {
    apiVersion: 'core.gardener.cloud/v1beta1',
    kind: 'SecretBinding',
    metadata: { name: 'old', namespace },
    secretRef: { name: 'aws', ...(secretNamespace === undefined ? {} : { namespace: secretNamespace }) },
  })
}

async function read(spec: { credentialsBindingName?: string; secretBindingName?: string }) {
  const { shoot } = await exampleGrowth('aws')
  const { credentialsBindingName: _, ...rest } = shoot.spec
  return readCredentials({ garden, seedCredentials }, awsCloud, { ...shoot, spec: { ...rest, ...spec } }, place)
}

async function failureOf(spec: Parameters<typeof read>[0]): Promise<Failure> {
  const failure = await read(spec).catch((error: unknown) => error)
  if (failure instanceof Failure) return failure
  throw new TypeError('it was read')
}

describe('credentials of a Shoot', () => {
  it('are what its CredentialsBinding leads to', async () => {
    await addSecret({ ...account, more: 'x' })
    await addBinding()
    expect(await read({ credentialsBindingName: 'aws' })).toEqual(account)
  })

  it.each([undefined, namespace])('are what its SecretBinding leads to, whose namespace is %s', async (where) => {
    await addSecret(account)
    await addSecretBinding(where)
    expect(await read({ secretBindingName: 'old' })).toEqual(account)
  })

  it('are the present ones each time', async () => {
    await addSecret(account)
    await addBinding()
    await read({ credentialsBindingName: 'aws' })
    const data = encodeSecret({ ...account, accessKeyID: 'AKIB' })
    await garden.patch(secrets, { namespace, name: 'aws' }, { data })
    expect(await read({ credentialsBindingName: 'aws' })).toMatchObject({ accessKeyID: 'AKIB' })
  })

  it('of the embedded cloud are those of the seed, whatever the garden holds', async () => {
    const { shoot } = await exampleGrowth('local')
    expect(await readCredentials({ garden, seedCredentials }, localCloud, shoot, place)).toEqual({
      endpoint: 'https://198.18.0.1:8443',
      token: 't',
      caBundle: 'PEM',
    })
  })
})

describe('credentials that are missing name the field and may come later', () => {
  it('when there is no binding', async () => {
    expect(await failureOf({ credentialsBindingName: 'aws' })).toMatchObject({
      kind: 'Unavailable',
      field: 'spec.credentialsBindingName',
      message: 'there is no CredentialsBinding aws in garden-local',
    })
    expect(await failureOf({ secretBindingName: 'old' })).toMatchObject({
      kind: 'Unavailable',
      field: 'spec.secretBindingName',
    })
  })

  it('when there is no Secret', async () => {
    await addBinding()
    expect(await failureOf({ credentialsBindingName: 'aws' })).toMatchObject({
      kind: 'Unavailable',
      field: 'spec.credentialsBindingName',
      message: 'CredentialsBinding aws refers to Secret garden-local/aws, which does not exist',
    })
  })

  it('when a key is missing, without telling the others', async () => {
    await addSecret({ secretAccessKey: 'very secret' })
    await addSecretBinding()
    const failure = await failureOf({ secretBindingName: 'old' })
    expect(failure).toMatchObject({ kind: 'Unavailable', field: 'spec.secretBindingName', remedy: 'add the key' })
    expect(failure.message).toBe('Secret garden-local/aws: it has no accessKeyID or providerAccessKeyId')
  })
})

describe('a binding that can never do', () => {
  it.each([
    ['of another cloud', 'Secret', 'gcp', 'CredentialsBinding aws is for gcp, not aws'],
    ['to what is no Secret', 'WorkloadIdentity', 'aws', 'CredentialsBinding aws refers to a WorkloadIdentity'],
  ])('is refused: one %s', async (_, kind, type, message) => {
    await addSecret(account)
    await addBinding(kind, type)
    expect(await failureOf({ credentialsBindingName: 'aws' })).toMatchObject({ kind: 'Invalid', message })
  })

  it('is not one for several clouds', async () => {
    await addSecret(account)
    await addBinding('Secret', 'gcp,aws')
    expect(await read({ credentialsBindingName: 'aws' })).toEqual(account)
  })
})

describe('a Shoot', () => {
  it('must say whose credentials it uses, unless they are the seed’s', async () => {
    const { shoot } = await exampleGrowth('aws')
    const { credentialsBindingName: _, ...spec } = shoot.spec
    expect(bindingErrors(awsCloud, { ...shoot, spec })).toMatchObject([{ field: 'spec.credentialsBindingName' }])
    expect(bindingErrors(awsCloud, { ...shoot, spec: { ...spec, secretBindingName: 'old' } })).toEqual([])
    expect(bindingErrors(localCloud, { ...shoot, spec })).toEqual([])
  })
})
