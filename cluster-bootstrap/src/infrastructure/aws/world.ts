import { carries } from '@trellis/cloudprovider/contract/tags'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { createGate } from '@trellis/foundation/gate'
import type { InfrastructureRequest, PlannedChange } from '../engine.ts'
import { nameOf, tagsOf } from './names.ts'
import type { AwsClients, Sort, Thing, Things, Wish } from './network-types.ts'
import { createSurvey, type Survey } from './survey.ts'

/** What tasks work on: what is there, and the ways to change it. */
export interface World {
  readonly request: InfrastructureRequest
  readonly clients: AwsClients
  readonly clock: Clock
  readonly survey: Survey
  /** What was changed, or would be. */
  readonly changes: readonly PlannedChange[]
  /** The id of what has this key: it is found, or made. Its tags are brought up to date. */
  ensure(key: string, wish: Wish): Promise<string>
  /** Takes what is the user's for what has this key; it is neither changed nor remembered. */
  use(key: string, id: string): void
  /** The id of what was ensured. */
  idOf(key: string): string
  /** What was ensured as it was when somebody looked last; undefined when it was made since. */
  found<Kind extends Sort>(sort: Kind, key: string): Things[Kind] | undefined
  /** Makes a change; when it is only planned, writes it down instead. */
  change(change: PlannedChange, work: () => Promise<void>): Promise<void>
  /** Something would have to be made anew that cannot be while it is in use: fails, or is written down when it is only planned. */
  refuse(change: PlannedChange, failure: Failure): void
  /** Remembers an id, or, without one, that there is nothing. */
  record(key: string, id: string | undefined): Promise<void>
  /** Removes what has this key, if it is there. */
  remove(sort: Sort, key: string, before?: (thing: Thing) => Promise<void>): Promise<void>
}

/** What a world is made with. */
export interface WorldOptions {
  readonly request: InfrastructureRequest
  readonly clients: AwsClients
  readonly clock: Clock
  /** Changes nothing, and writes down what would be changed. */
  readonly planOnly: boolean
}

/** Looks at what is there, and begins to work on it. */
export async function openWorld({ request, clients, clock, planOnly }: WorldOptions): Promise<World> {
  const { technicalId, signal } = request
  const state: Record<string, string> = { ...request.state }
  const survey = createSurvey(clients.network, technicalId, () => state)
  await survey.refresh()
  const ids = new Map<string, string>()
  const made = new Set<string>()
  const changes: PlannedChange[] = []
  // One thing is made at a time, so that it is written down before anything else is made.
  const oneByOne = createGate(1)
  const note = (change: PlannedChange) => {
    if (change.action !== 'create' && made.has(change.what)) return
    if (change.action === 'create') made.add(change.what)
    changes.push(change)
  }
  const record = async (key: string, id: string | undefined) => {
    if (planOnly || state[key] === id) return
    if (id === undefined) delete state[key]
    else state[key] = id
    await request.save({ ...state })
  }
  const make = (key: string, wish: Wish): Promise<string> =>
    oneByOne(async () => {
      signal.throwIfAborted()
      note({ action: 'create', what: key })
      if (planOnly) return `planned:${key}`
      const id = await clients.network.create(wish, tagsOf(technicalId, key)).catch(rethrowAsPassing)
      await record(key, id)
      return id
    })
  const change = async (planned: PlannedChange, work: () => Promise<void>) => {
    signal.throwIfAborted()
    note(planned)
    if (!planOnly) await work().catch(rethrowAsPassing)
  }
  const adopt = async (key: string, thing: Thing): Promise<string> => {
    const tags = tagsOf(technicalId, key)
    if (!carries(thing.tags, tags)) {
      await change({ action: 'update', what: key, field: 'tags' }, () => clients.network.setTags([thing.id], tags))
    }
    await record(key, thing.id)
    return thing.id
  }
  return {
    request,
    clients,
    clock,
    survey,
    changes,
    change,
    record,
    ensure: async (key, wish) => {
      const present = survey.find(wish.sort, key)
      const id = present === undefined ? await make(key, wish) : await adopt(key, present)
      ids.set(key, id)
      return id
    },
    use: (key, id) => void ids.set(key, id),
    idOf: (key) => {
      const id = ids.get(key) ?? state[key]
      if (id === undefined) throw new Failure('NotFound', `${nameOf(technicalId, key)} was not made`)
      return id
    },
    found: (sort, key) => survey.find(sort, key),
    refuse: (planned, failure) => {
      note(planned)
      if (!planOnly) throw failure
    },
    remove: async (sort, key, before) => {
      const thing = survey.find(sort, key)
      if (thing !== undefined) {
        await change({ action: 'delete', what: key }, async () => {
          await before?.(thing)
          await clients.network.remove(sort, thing.id).catch(passOverAbsent)
        })
      }
      await record(key, undefined)
    },
  }
}

/** EC2 shows what was made a moment ago late: what a change needs and does not find yet will be there soon. */
function rethrowAsPassing(error: unknown): never {
  if (!isFailure(error, 'NotFound')) throw error
  throw new Failure('Unavailable', error.message, { cause: error.cause })
}

/** What is gone already need not be removed. */
export function passOverAbsent(error: unknown): void {
  if (!isFailure(error, 'NotFound')) throw error
}
