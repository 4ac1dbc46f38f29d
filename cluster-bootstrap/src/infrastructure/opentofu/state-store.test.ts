import { secrets } from '@trellis/api/core/configuration'
import { createSeededRandom, createSystemRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { describeStateStore, stateText } from '../../../testing/state-store-conformance.ts'
import { createStateStore } from './state-store.ts'

const key = { namespace: 'shoot--local--first', name: 'state' }

function fake() {
  return createFakeClient({ clock: createVirtualClock(), random: createSeededRandom('state') })
}

describeStateStore('an API server in memory', async () => ({ client: fake(), namespace: key.namespace }))

describe('a state in a Secret', () => {
  it('is small: it is compressed', async () => {
    const client = fake()
    const text = stateText(1, 2000)
    await createStateStore(client, key).save({ state: text, variables: {} })
    const secret = await client.get(secrets, key)
    expect(secret.data?.state?.length).toBeLessThan(text.length / 10)
    expect(secret.metadata.annotations).toEqual({ 'trellis.internal/opentofu-serial': '1' })
  })

  it('is refused when a Secret cannot hold it', async () => {
    const noise = createSystemRandom()
      .bytes(1024 * 1024)
      .toString('base64')
    const save = createStateStore(fake(), key).save({ state: stateText(1, 1, noise), variables: {} })
    await expect(save).rejects.toMatchObject({ kind: 'Exhausted' })
  })

  it.each([
    ['no data', {}],
    ['no state', { variables: 'e30=' }],
    ['what is not compressed', { variables: 'e30=', state: Buffer.from('{}').toString('base64') }],
    ['what is no state', { variables: 'e30=', state: 'H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA==' }],
  ])('is refused when the Secret holds %s', async (_what, data) => {
    const client = fake()
    await client.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: key, data })
    await expect(createStateStore(client, key).load()).rejects.toMatchObject({
      kind: 'Conflict',
      message: 'Secret shoot--local--first/state holds no state of OpenTofu',
    })
  })
})
