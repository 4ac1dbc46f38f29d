import { carries } from '@trellis/cloudprovider/contract/tags'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import {
  createFailureScript,
  type ScriptedFailure,
  type ScriptedOperation,
  type SimulatedSettings,
} from './settings.ts'

/** A server of a simulated cloud, as it really is. */
export interface SimulatedServer {
  readonly id: string
  readonly machineName: string
  readonly machineType: string
  readonly region: string
  readonly zone: string
  readonly tags: Readonly<Record<string, string>>
  readonly userData: string
  readonly address: string
  readonly createdAt: number
  state: 'creating' | 'running' | 'failed' | 'deleting'
  initialized: boolean
  /** Since when the state is as it is. */
  changedAt: number
  /** Why it failed. */
  failure?: string
}

/** What a server is made of. */
export type ServerWish = Pick<SimulatedServer, 'machineName' | 'machineType' | 'region' | 'zone' | 'tags' | 'userData'>

/** Told about every change of a server; `gone` when it no longer exists. */
export type ServerListener = (server: SimulatedServer, change: 'running' | 'failed' | 'gone') => void

/** A cloud in this process's memory. It outlives the drivers in front of it, as a cloud does. */
export interface SimulatedCloud {
  /** Every server there is, oldest first: the truth, without lag. */
  servers(): readonly SimulatedServer[]
  /** Most servers that ever existed at one time. */
  peak(): number
  /** Calls so far, by operation. */
  calls(): Readonly<Record<string, number>>
  create(wish: ServerWish, owned: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<SimulatedServer>
  initialize(server: SimulatedServer, signal?: AbortSignal): Promise<void>
  remove(server: SimulatedServer, signal?: AbortSignal): Promise<void>
  /** Servers as status and list show them, after one call's time. */
  look(
    operation: 'status' | 'list' | 'delete',
    machineName: string | undefined,
    signal?: AbortSignal,
  ): Promise<readonly SimulatedServer[]>
  script(failure: ScriptedFailure): void
  /** Whether the server that has come up will ever join. */
  willJoin(machineName: string): boolean
  onChange(listener: ServerListener): () => void
  /** A time of the settings, varied by their jitter. */
  span(milliseconds: number | undefined): number
}

/** Makes an empty cloud. All its waiting is on `clock`, all its variation from `random`. */
export function createSimulatedCloud(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  settings: SimulatedSettings = {},
): SimulatedCloud {
  const servers = new Map<string, SimulatedServer>()
  const lately = new Map<string, { readonly server: SimulatedServer; readonly goneAt: number }>()
  const script = createFailureScript(settings.failures)
  const listeners = new Set<ServerListener>()
  const calls: Record<string, number> = {}
  const admit = createThrottle(clock, settings.callsPerSecond)
  let peak = 0
  let addresses = 0

  const span = (milliseconds = 0) => milliseconds * (1 + (settings.jitter ?? 0) * (2 * random.fraction() - 1))
  const pause = async (milliseconds: number | undefined, signal: AbortSignal | undefined) => {
    signal?.throwIfAborted()
    if (milliseconds !== undefined && milliseconds > 0) await clock.sleep(span(milliseconds), signal)
  }
  const strike = (operation: ScriptedOperation, machineName: string | undefined, when: 'before' | 'after') => {
    const failure = script.take(operation, machineName, when)
    if (failure === undefined) return
    throw new Failure(failure.kind ?? 'Unavailable', failure.message ?? `${operation} was told to fail`)
  }
  const begin = (operation: ScriptedOperation, machineName: string | undefined, signal: AbortSignal | undefined) => {
    signal?.throwIfAborted()
    calls[operation] = (calls[operation] ?? 0) + 1
    admit()
    strike(operation, machineName, 'before')
  }
  const change = (server: SimulatedServer, state: SimulatedServer['state']) => {
    server.state = state
    server.changedAt = clock.now()
  }
  const boot = (server: SimulatedServer) => {
    if (server.state !== 'creating') return
    const failure = script.take('boot', server.machineName, 'before')
    if (failure !== undefined) server.failure = failure.message ?? 'the server was told not to boot'
    change(server, failure === undefined ? 'running' : 'failed')
    for (const listener of listeners) listener(server, failure === undefined ? 'running' : 'failed')
  }
  const vanish = (server: SimulatedServer) => {
    if (!servers.delete(server.id)) return
    if ((settings.visibilityLagMilliseconds ?? 0) > 0) lately.set(server.id, { server, goneAt: clock.now() })
    for (const listener of listeners) listener(server, 'gone')
  }
  const place = (wish: ServerWish): SimulatedServer => {
    checkQuota(settings.quota ?? {}, wish.machineType, [...servers.values()])
    const server: SimulatedServer = {
      ...wish,
      id: `sim-${random.text(12)}`,
      address: addressOf(addresses++),
      createdAt: clock.now(),
      state: 'creating',
      initialized: settings.needsInitialization !== true,
      changedAt: clock.now(),
    }
    servers.set(server.id, server)
    peak = Math.max(peak, servers.size)
    clock.setTimer(span(settings.createMilliseconds), () => boot(server), { unref: true })
    return server
  }

  return {
    servers: () => [...servers.values()],
    peak: () => peak,
    calls: () => calls,
    script: script.add,
    span,
    willJoin: (machineName) => script.take('join', machineName, 'before') === undefined,
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    create: async (wish, owned, signal) => {
      begin('create', wish.machineName, signal)
      const existing = [...servers.values()].find(
        (server) =>
          server.machineName === wish.machineName && server.state !== 'deleting' && carries(server.tags, owned),
      )
      const server = existing ?? place(wish)
      await pause(settings.answersEarly ? settings.callMilliseconds : settings.createMilliseconds, signal)
      if (settings.answersEarly !== true) boot(server)
      strike('create', wish.machineName, 'after')
      return server
    },
    initialize: async (server, signal) => {
      begin('initialize', server.machineName, signal)
      await pause(settings.callMilliseconds, signal)
      server.initialized = true
      strike('initialize', server.machineName, 'after')
    },
    remove: async (server, signal) => {
      if (server.state !== 'deleting') {
        change(server, 'deleting')
        clock.setTimer(span(settings.deleteMilliseconds), () => vanish(server), { unref: true })
      }
      await pause(settings.answersEarly ? settings.callMilliseconds : settings.deleteMilliseconds, signal)
      if (settings.answersEarly !== true) vanish(server)
      strike('delete', server.machineName, 'after')
    },
    look: async (operation, machineName, signal) => {
      begin(operation, machineName, signal)
      await pause(operation === 'delete' ? 0 : settings.callMilliseconds, signal)
      if (operation === 'delete') return [...servers.values()]
      const horizon = clock.now() - (settings.visibilityLagMilliseconds ?? 0)
      for (const [id, { goneAt }] of lately) if (goneAt <= horizon) lately.delete(id)
      const visible = [...servers.values()].filter((server) => server.createdAt <= horizon)
      return [...visible, ...[...lately.values()].map(({ server }) => server)]
    },
  }
}

function checkQuota(
  quota: Readonly<Record<string, number>>,
  machineType: string,
  servers: readonly SimulatedServer[],
): void {
  const used = { '*': servers.length, [machineType]: servers.filter((one) => one.machineType === machineType).length }
  for (const [key, count] of Object.entries(used)) {
    const limit = quota[key]
    if (limit === undefined || count < limit) continue
    const what = key === '*' ? 'servers' : `servers of type ${key}`
    throw new Failure('Exhausted', `quota of ${what} is used up: limit ${limit}, used ${count}`)
  }
}

function createThrottle(clock: Clock, callsPerSecond: number | undefined): () => void {
  if (callsPerSecond === undefined) return () => {}
  let tokens = callsPerSecond
  let filledAt = clock.now()
  return () => {
    const now = clock.now()
    tokens = Math.min(callsPerSecond, tokens + ((now - filledAt) / 1000) * callsPerSecond)
    filledAt = now
    if (tokens < 1) {
      const retryAfterMilliseconds = ((1 - tokens) / callsPerSecond) * 1000
      throw new Failure('Throttled', 'too many calls', { retryAfterMilliseconds })
    }
    tokens--
  }
}

function addressOf(index: number): string {
  return `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`
}
