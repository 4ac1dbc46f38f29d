import type { Client } from '@trellis/kubernetes/client'
import { describe, expect, it } from 'vitest'
import { createStateStore } from '../src/infrastructure/opentofu/state-store.ts'

/** A state of OpenTofu with so many resources, as text. */
export function stateText(serial: number, resources: number, noise = ''): string {
  const list = Array.from({ length: resources }, (_, index) => ({
    mode: 'managed',
    type: 'openstack_networking_network_v2',
    name: `network_${index}`,
    instances: [{ attributes: { id: `id-${index}`, name: `network-${index}`, noise } }],
  }))
  return JSON.stringify({ version: 4, serial, lineage: 'one', outputs: {}, resources: list })
}

/** Laws of states in Secrets, on any API server. `open` gives a namespace in which nothing is. */
export function describeStateStore(
  name: string,
  open: () => Promise<{ readonly client: Client; readonly namespace: string }>,
): void {
  const stores = async () => {
    const { client, namespace } = await open()
    return () => createStateStore(client, { namespace, name: 'state' })
  }
  const stored = (serial: number) => ({ state: stateText(serial, 3), variables: { name: 'first', zones: ['a'] } })

  describe(`a store of states on ${name}`, () => {
    it('has nothing to begin with', async () => {
      const store = await stores()
      expect(await store().load()).toBeUndefined()
      await store().remove()
    })

    it('gives back what was saved, to the next run too', async () => {
      const store = await stores()
      const first = store()
      await first.save(stored(1))
      await first.save(stored(2))
      expect(await store().load()).toEqual(stored(2))
    })

    it('lets one of two writers win', async () => {
      const store = await stores()
      await store().save(stored(1))
      const [one, other] = [store(), store()]
      await one.load()
      await other.load()
      await one.save(stored(2))
      await expect(other.save(stored(2))).rejects.toMatchObject({ kind: 'Conflict' })
      await expect(other.remove()).rejects.toMatchObject({ kind: 'Conflict' })
      await one.save(stored(3))
      expect(await store().load()).toEqual(stored(3))
    })

    it('lets one of two first writers win', async () => {
      const store = await stores()
      const [one, other] = [store(), store()]
      await one.load()
      await other.load()
      await one.save(stored(1))
      await expect(other.save(stored(1))).rejects.toMatchObject({ kind: 'Conflict' })
    })

    it('does not bring back what somebody deleted', async () => {
      const store = await stores()
      await store().save(stored(1))
      const [one, other] = [store(), store()]
      await one.load()
      await other.load()
      await other.remove()
      await expect(one.save(stored(2))).rejects.toMatchObject({ kind: 'Conflict' })
      expect(await store().load()).toBeUndefined()
    })

    it('begins anew after it has forgotten', async () => {
      const store = await stores()
      const one = store()
      await one.save(stored(1))
      await one.remove()
      await one.remove()
      await one.save(stored(1))
      expect(await store().load()).toEqual(stored(1))
    })
  })
}
