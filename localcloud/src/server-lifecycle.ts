import type { Clock } from '@trellis/foundation/clock'
import { describe, Failure, isFailure, isTransient } from '@trellis/foundation/failure'
import { createGate } from '@trellis/foundation/gate'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'
import type { Images } from './images.ts'
import type { KeyedLock } from './keyed-lock.ts'
import type { MachineHost } from './machine-host.ts'
import type { Networker } from './networker.ts'
import { isAlive } from './processes.ts'
import { flavorOf } from './quota.ts'
import type { ServerRecord } from './records.ts'
import type { Store } from './store.ts'

/**
 * Carries servers from state to state in the background. Every step may be repeated, so a daemon that was killed anywhere resumes by
 * looking at the state alone.
 */
export interface ServerLifecycle {
  /** Goes on with the server from whatever state it is in; returns at once. */
  proceed(serverId: string): void
  /** Goes on with all servers after a start of the daemon. */
  resume(): Promise<void>
  /** Notices servers that have ended by themselves, cuts long logs, and repeats deletions that failed. */
  inspect(): Promise<void>
}

/** What the lifecycle needs. */
export interface ServerLifecycleOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: Store
  readonly networker: Networker
  readonly machines: MachineHost
  readonly images: Images
  readonly lock: KeyedLock
}

/** Machines that are started or destroyed at a time. */
const parallelMachines = 4
const creationDeadlineMilliseconds = 60_000

/** Creates the lifecycle; nothing happens before the first call. */
export function createServerLifecycle(options: ServerLifecycleOptions): ServerLifecycle {
  const { log, store, lock } = options
  const limited = createGate(parallelMachines)
  const under = (serverId: string, work: (server: ServerRecord) => Promise<void>) =>
    lock.run(`server/${serverId}`, async () => {
      const server = store.find('server', serverId)
      if (server !== undefined) await work(server)
    })
  const step = async (server: ServerRecord): Promise<void> => {
    if (server.state === 'creating') await limited(() => create(options, server))
    if (store.find('server', server.id)?.state === 'deleting') await limited(() => destroy(options, server))
  }
  const proceed = (serverId: string): void => {
    under(serverId, step).catch((error: unknown) =>
      log.error({ server: serverId, error: describe(error) }, 'the server could not be carried on'),
    )
  }
  return {
    proceed,
    resume: async () => {
      for (const server of store.list('server')) {
        if (server.state === 'running') await under(server.id, (present) => findAgain(options, present))
        else proceed(server.id)
      }
    },
    inspect: async () => {
      for (const server of store.list('server')) {
        if (server.state === 'deleting' && server.failure !== undefined) proceed(server.id)
        if (server.state !== 'running') continue
        await options.machines.boundConsole(server.id)
        if (server.process !== undefined && !(await isAlive(server.process))) {
          await under(server.id, (present) => findAgain(options, present))
        }
      }
    },
  }
}

async function create(options: ServerLifecycleOptions, server: ServerRecord): Promise<void> {
  const { clock, random, log, store } = options
  const begin = clock.now()
  const wanted = () => store.find('server', server.id)?.state === 'creating'
  try {
    const process = await retry(() => assemble(options, server, wanted), {
      clock,
      random,
      backoff: { firstMilliseconds: 500, longestMilliseconds: 10_000 },
      deadlineMilliseconds: creationDeadlineMilliseconds,
      retryable: (error) => wanted() && isTransient(error),
      onRetry: (error, tries) =>
        log.warn({ server: server.id, tries, error: describe(error) }, 'starting the server failed'),
    })
    if (!wanted()) return
    await store.put('server', { ...server, state: 'running', process })
    log.info({ server: server.id, name: server.name, milliseconds: clock.now() - begin }, 'the server runs')
  } catch (error) {
    if (!wanted()) return
    log.error({ server: server.id, name: server.name, error: describe(error) }, 'the server could not be made')
    await store.put('server', { ...server, state: 'failed', failure: failureOf(error) })
  }
}

async function assemble(options: ServerLifecycleOptions, server: ServerRecord, wanted: () => boolean) {
  const { networker, machines, images } = options
  const [image, flavor] = [await images.get(server.image), flavorOf(server.flavor)]
  await networker.sync(server.network)
  await networker.attach(server)
  if (!wanted()) throw new Failure('Gone', 'the server is being deleted')
  const { id: serverId, name, privateAddress, metadataService } = server
  const datasource = metadataService?.datasource
  return await machines.start({ serverId, name, privateAddress, image, flavor, datasource })
}

async function destroy({ clock, log, store, machines, networker }: ServerLifecycleOptions, server: ServerRecord) {
  const begin = clock.now()
  try {
    await machines.destroy(server.id)
    await networker.detach(server)
    await store.remove('server', server.id)
    await networker.sync(server.network)
    log.info({ server: server.id, name: server.name, milliseconds: clock.now() - begin }, 'the server is gone')
  } catch (error) {
    log.error({ server: server.id, name: server.name, error: describe(error) }, 'the server could not be deleted yet')
    const present = store.find('server', server.id)
    if (present !== undefined) await store.put('server', { ...present, failure: failureOf(error) })
  }
}

async function findAgain({ log, store, machines }: ServerLifecycleOptions, server: ServerRecord): Promise<void> {
  if (server.state !== 'running') return
  const process = await machines.find(server.id)
  if (process?.pid === server.process?.pid && process?.startTicks === server.process?.startTicks) return
  if (store.find('server', server.id)?.state !== 'running') return
  const { process: _ended, ...rest } = server
  if (process === undefined) log.warn({ server: server.id, name: server.name }, 'the server has stopped')
  await store.put('server', process === undefined ? { ...rest, state: 'stopped' } : { ...rest, process })
}

function failureOf(error: unknown): NonNullable<ServerRecord['failure']> {
  const { kind, remedy } = isFailure(error) ? error : { kind: 'Unavailable', remedy: undefined }
  return { kind, message: describe(error), ...(remedy === undefined ? {} : { remedy }) }
}
