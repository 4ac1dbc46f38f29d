import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, Failure, InvariantError } from '@trellis/foundation/failure'
import { createParser, type Parser } from '@trellis/foundation/schema'
import { isAbsent, readIfPresent, syncDirectory, writeFileAtomically } from './files.ts'
import { idPrefixes, type ResourceKind } from './names.ts'
import {
  type LoadBalancerRecord,
  loadBalancerRecordSchema,
  type NetworkRecord,
  networkRecordSchema,
  type RouteRecord,
  routeRecordSchema,
  type ServerRecord,
  serverRecordSchema,
} from './records.ts'
import type { Problem } from './schemas.ts'

/** The shape of each sort of record. */
export interface Records {
  network: NetworkRecord
  server: ServerRecord
  'load-balancer': LoadBalancerRecord
  route: RouteRecord
}

/**
 * Everything that the cloud remembers: in memory for reading, one file per resource on disk. Changes appear in memory at once, so that
 * decisions made one after the other see each other; the returned promise resolves when the change is safe on disk.
 */
export interface Store {
  /** All records of that sort, the oldest first. */
  list<Kind extends ResourceKind>(kind: Kind): readonly Records[Kind][]
  /** The record; throws `NotFound` when there is none, `Unavailable` when its file cannot be read. */
  get<Kind extends ResourceKind>(kind: Kind, id: string): Records[Kind]
  /** The record; undefined when there is none. */
  find<Kind extends ResourceKind>(kind: Kind, id: string): Records[Kind] | undefined
  /** Stores the record. When its file cannot be written the former record is back and the promise rejects. */
  put<Kind extends ResourceKind>(kind: Kind, record: Records[Kind]): Promise<void>
  /** Forgets the record and its file, be it readable or not; harmless when there is none. */
  remove(kind: ResourceKind, id: string): Promise<void>
  /** Files that cannot be read. They stay where they are until someone restores or deletes them. */
  problems(): readonly Problem[]
  /** Whether the file of that resource cannot be read. */
  isUnreadable(kind: ResourceKind, id: string): boolean
}

const parsers: { readonly [Kind in ResourceKind]: Parser<Records[Kind]> } = {
  network: createParser(networkRecordSchema, 'network'),
  server: createParser(serverRecordSchema, 'server'),
  'load-balancer': createParser(loadBalancerRecordSchema, 'load balancer'),
  route: createParser(routeRecordSchema, 'route'),
}

/** Loads everything from `directory`, which is made when absent. A file that cannot be read becomes a problem and does not hinder the others. */
export async function openStore(directory: string): Promise<Store> {
  const memory: StoreMemory = {
    network: new Map(),
    server: new Map(),
    'load-balancer': new Map(),
    route: new Map(),
  }
  const problems = new Map<string, Problem>()
  const fileOf = (kind: ResourceKind, id: string) => join(directory, kind, `${id}.json`)
  for (const kind of Object.keys(idPrefixes) as ResourceKind[]) await load(directory, kind, memory, problems)
  const inOrder = createFileQueue()

  return {
    list: (kind) => [...memory[kind].values()].sort(byAge),
    find: (kind, id) => memory[kind].get(id),
    get: (kind, id) => {
      const record = memory[kind].get(id)
      if (record !== undefined) return record
      const problem = problems.get(fileOf(kind, id))
      if (problem !== undefined) throw new Failure('Unavailable', problem.message, { remedy: problem.remedy })
      throw new Failure('NotFound', `there is no ${kind} ${id}`)
    },
    put: (kind, record) => {
      if (!parsers[kind].fits(record)) throw new InvariantError(`the record of ${kind} ${record.id} does not fit`)
      const before = memory[kind].get(record.id)
      memory[kind].set(record.id, record)
      const file = fileOf(kind, record.id)
      return inOrder(file, () => writeFileAtomically(file, `${JSON.stringify(record, null, 2)}\n`)).catch((error) => {
        if (memory[kind].get(record.id) === record) {
          if (before === undefined) memory[kind].delete(record.id)
          else memory[kind].set(record.id, before)
        }
        throw error
      })
    },
    remove: (kind, id) => {
      memory[kind].delete(id)
      const file = fileOf(kind, id)
      problems.delete(file)
      return inOrder(file, async () => {
        await rm(file, { force: true })
        await syncDirectory(join(directory, kind))
      })
    },
    problems: () => [...problems.values()],
    isUnreadable: (kind, id) => problems.has(fileOf(kind, id)),
  }
}

type StoreMemory = { readonly [Kind in ResourceKind]: Map<string, Records[Kind]> }

async function load<Kind extends ResourceKind>(
  directory: string,
  kind: Kind,
  memory: StoreMemory,
  problems: Map<string, Problem>,
): Promise<void> {
  for (const id of await identifiers(join(directory, kind))) {
    const file = join(directory, kind, `${id}.json`)
    try {
      const record = parsers[kind].parse(JSON.parse((await readIfPresent(file)) ?? ''))
      if (record.id !== id) throw new Failure('Invalid', `the file holds the record of ${record.id}`)
      memory[kind].set(id, record)
    } catch (error) {
      problems.set(file, problemOf(kind, id, file, error))
    }
  }
}

/** Lets writes of one file happen in the order they were asked for. */
function createFileQueue(): (file: string, work: () => Promise<void>) => Promise<void> {
  const writing = new Map<string, Promise<void>>()
  return (file, work) => {
    const turn = (writing.get(file) ?? Promise.resolve()).catch(() => {}).then(work)
    writing.set(file, turn)
    const forget = () => void (writing.get(file) === turn && writing.delete(file))
    turn.then(forget, forget)
    return turn
  }
}

interface Aged {
  readonly id: string
  readonly createdAt: string
}

function byAge(one: Aged, other: Aged): number {
  return one.createdAt.localeCompare(other.createdAt) || one.id.localeCompare(other.id)
}

async function identifiers(directory: string): Promise<readonly string[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const names = await readdir(directory).catch((error: unknown) => {
    if (isAbsent(error)) return []
    throw error
  })
  return names.flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : [])).sort()
}

function problemOf(kind: ResourceKind, id: string, file: string, error: unknown): Problem {
  return {
    file,
    message: `the state of ${kind} ${id} in ${file} cannot be read: ${describe(error)}`,
    remedy: `restore the file from a copy and restart the daemon, or free the ${kind} by deleting it through the API`,
  }
}
