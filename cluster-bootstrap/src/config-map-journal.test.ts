import { configMaps } from '@trellis/api/core/configuration'
import type { JournalEvent } from '@trellis/flow/journal'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { createConfigMapJournal } from './config-map-journal.ts'

const key = { namespace: 'garden-local', name: 'first.flow' }
const started = (run: string): JournalEvent => ({ kind: 'run-started', at: 1, run, flow: 'f' })
const task = (name: string): JournalEvent => ({ kind: 'task-started', at: 2, task: name })
const fake = () => createFakeClient({ clock: createVirtualClock(), random: createSeededRandom('journal') })

describe('the journal in a ConfigMap', () => {
  it('is there for whoever takes over', async () => {
    const client = fake()
    const journal = createConfigMapJournal(client, key)
    expect(await journal.load()).toEqual([])
    await journal.append(started('one'))
    await journal.append(task('a'))
    expect(await createConfigMapJournal(client, key).load()).toEqual([started('one'), task('a')])
  })

  it('writes what comes together in as few writes as it can, and nothing is said to be safe before it is', async () => {
    const client = fake()
    const journal = createConfigMapJournal(client, key)
    await journal.append(started('one'))
    const before = client.calls.filter((call) => call.method === 'apply').length
    const stored = async () => (await client.get(configMaps, key)).data?.['journal.jsonl'] ?? ''
    await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map(async (name) => {
        await journal.append(task(name))
        expect(await stored()).toContain(`"task":"${name}"`)
      }),
    )
    expect(client.calls.filter((call) => call.method === 'apply').length - before).toBeLessThanOrEqual(2)
    expect((await journal.load()).length).toBe(6)
  })

  it('begins anew with a new run', async () => {
    const client = fake()
    const journal = createConfigMapJournal(client, key)
    for (const event of [started('one'), task('a'), started('two')]) await journal.append(event)
    expect(await createConfigMapJournal(client, key).load()).toEqual([started('two')])
  })

  it('counts as empty when somebody has spoilt it', async () => {
    const client = fake()
    await client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: key,
      data: { 'journal.jsonl': `${JSON.stringify(started('one'))}\nnonsense\n` },
    })
    expect(await createConfigMapJournal(client, key).load()).toEqual([])
  })

  it('fails when it cannot be written, and can be written again later', async () => {
    const client = fake()
    const journal = createConfigMapJournal(client, key)
    await journal.append(started('one'))
    const stop = client.onCall((call) => {
      if (call.method === 'apply') throw new Error('down')
    })
    await expect(journal.append(task('a'))).rejects.toThrow('down')
    stop()
    await journal.append(task('b'))
    expect(await createConfigMapJournal(client, key).load()).toEqual([started('one'), task('a'), task('b')])
  })

  it('goes with its owner', async () => {
    const client = fake()
    const owner = { apiVersion: 'core.gardener.cloud/v1beta1', kind: 'Shoot', name: 'first', uid: 'u' }
    await createConfigMapJournal(client, key, owner).append(started('one'))
    expect((await client.get(configMaps, key)).metadata.ownerReferences).toEqual([owner])
  })
})
