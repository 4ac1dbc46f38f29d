import { type Coalescer, createCoalescer } from '@trellis/cloudprovider/contract/coalesce'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { OpenStackClient } from './client.ts'
import { isGoing, marksFilter, ownershipMarks, ownsServer } from './ownership.ts'
import type { OpenStackProviderSpec } from './provider-spec.ts'
import type { Server } from './resources.ts'

/** The servers of one cluster and role. */
export interface ServerFinder {
  /** Those of a machine, also such as are going. */
  named(machineName: string, call?: CallOptions): Promise<readonly Server[]>
  /** All of them. */
  all(call?: CallOptions): Promise<readonly Server[]>
}

/** What a finder looks through, and for what. */
export interface FinderOptions {
  readonly clock: Clock
  readonly client: OpenStackClient
  readonly owned: OpenStackProviderSpec['owned']
}

/** How long a question waits for others, and how many names fit into one address. */
const withinMilliseconds = 20
const namesAtOnce = 50

/**
 * A finder that answers many questions with one list. Servers that this driver made carry tags that Nova filters by; those that the reference's manager made have the same
 * keys as metadata only, by which Nova does not filter for members of a project (it passes over the wish in silence), so metadata decides, here.
 */
export function createServerFinder({ clock, client, owned }: FinderOptions): ServerFinder {
  const own = (servers: readonly Server[]) => servers.filter((server) => ownsServer(server, owned))
  const tagged = async () => own(await client.servers.list({ tags: marksFilter(owned) }))
  const byNames = async (names: readonly string[]) => own(await client.servers.list({ name: patternOf(names) }))
  const fetch = async (names: readonly string[]) => {
    const found = names.length > namesAtOnce ? await tagged() : []
    const known = new Set(found.map(({ name }) => name))
    const unknown = names.filter((name) => !known.has(name))
    const rest = await Promise.all(chunks(unknown, namesAtOnce).map(byNames))
    return group([...found, ...rest.flat()])
  }
  const questions: Coalescer<readonly Server[]> = createCoalescer({ clock }, { most: 1000, withinMilliseconds, fetch })
  return {
    named: async (name, call) => (await questions.ask(name, call?.signal)) ?? [],
    all: async (call) => {
      const [cluster = ''] = ownershipMarks(owned)
      const [ours, older] = await Promise.all([
        client.servers.list({ tags: marksFilter(owned) }, call),
        client.servers.list({ 'not-tags': cluster }, call),
      ])
      return own([...ours, ...older])
    },
  }
}

/** The one server of a machine that stays. `NotFound`: there is none. `Conflict`: there are several. */
export async function findOne(finder: ServerFinder, machineName: string, call?: CallOptions): Promise<Server> {
  const [server, ...more] = (await finder.named(machineName, call)).filter((one) => !isGoing(one))
  if (server === undefined) throw new Failure('NotFound', `${machineName} has no server`)
  if (more.length > 0) throw new Failure('Conflict', `${machineName} has ${more.length + 1} servers`)
  return server
}

/** The server with its fault. Lists lack the fault of servers that no host took, which is the fault that matters most. */
export async function withFault(client: OpenStackClient, server: Server, call?: CallOptions): Promise<Server> {
  if (server.status !== 'ERROR' || server.fault !== undefined) return server
  try {
    return await client.servers.get(server.id, call)
  } catch (error) {
    // It has gone meanwhile: what the list said is the last that is known of it.
    if (isFailure(error, 'NotFound')) return server
    throw error
  }
}

/** Nova reads names in filters as regular expressions. */
function patternOf(names: readonly string[]): string {
  return `^(${names.map((name) => name.replace(/[^A-Za-z0-9_-]/g, '\\$&')).join('|')})$`
}

function chunks<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}

function group(servers: readonly Server[]): ReadonlyMap<string, readonly Server[]> {
  return Map.groupBy(servers, ({ name }) => name)
}
