import { type ConfigMap, configMaps } from '@trellis/api/core/configuration'
import type { ObjectKey, OwnerReference } from '@trellis/api/meta'
import { isJournalEvent, type Journal, type JournalEvent } from '@trellis/flow/journal'
import { Failure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'

const dataKey = 'journal.jsonl'

/** Far below what an API server stores in one object. */
const longestBytes = 512 * 1024

/**
 * A journal in a ConfigMap, so that whoever takes over goes on where the last one stopped. An event that begins a run replaces those of
 * the run before. Events that come while a write is under way go together into the next one. A journal that cannot be read counts as empty:
 * tasks are harmless to repeat.
 */
export function createConfigMapJournal(client: Client, key: ObjectKey, owner?: OwnerReference): Journal {
  let loaded: Promise<JournalEvent[]> | undefined
  let writing: Promise<void> | undefined
  let next: Promise<void> | undefined

  function known(): Promise<JournalEvent[]> {
    loaded ??= client.find(configMaps, key).then((found) => parse(found?.data?.[dataKey] ?? ''))
    return loaded
  }

  async function write(): Promise<void> {
    const text = (await known()).map((event) => `${JSON.stringify(event)}\n`).join('')
    if (text.length > longestBytes) throw new Failure('Exhausted', `the journal ${key.name} has become too long`)
    await client.apply<ConfigMap>(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: key.name, namespace: key.namespace ?? '', ...(owner ? { ownerReferences: [owner] } : {}) },
      data: { [dataKey]: text },
    })
  }

  /** Joins the write that has not begun yet, or makes one that begins when the present one has ended. */
  function flush(): Promise<void> {
    next ??= (writing ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        writing = next
        next = undefined
        return write()
      })
    return next
  }

  return {
    load: async () => [...(await known())],
    append: async (event) => {
      const events = await known()
      if (event.kind === 'run-started') events.length = 0
      events.push(event)
      await flush()
    },
  }
}

function parse(text: string): JournalEvent[] {
  const events: JournalEvent[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    const event = parseLine(line)
    if (event === undefined) return []
    events.push(event)
  }
  return events
}

function parseLine(line: string): JournalEvent | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isJournalEvent(value) ? value : undefined
  } catch {
    return undefined
  }
}
