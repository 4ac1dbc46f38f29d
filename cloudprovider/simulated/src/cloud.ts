import type { LeftoverKind } from '@trellis/cloudprovider/contract/driver'
import { carries } from '@trellis/cloudprovider/contract/tags'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { createLeftovers, type SimulatedLeftovers } from './leftovers.ts'
import {
  createFailureScript,
  type FailureScript,
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
  /** What marks the server as ours never changes. */
  tags: Readonly<Record<string, string>>
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
  /** Whether a server is still there, without lag. */
  has(server: SimulatedServer): boolean
  /** Most servers that ever existed at one time. */
  peak(): number
  /** Calls so far, by operation. */
  calls(): Readonly<Record<string, number>>
  create(wish: ServerWish, owned: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<SimulatedServer>
  /** Makes a server without asking whether its machine has one already, as a cloud does whose clients go wrong. */
  duplicate(wish: ServerWish): SimulatedServer
  /** `NotFound` when the server is going or gone, although it may still be shown. */
  initialize(server: SimulatedServer, signal?: AbortSignal): Promise<void>
  /** Gives a server these tags, and takes away all others. `NotFound` as above. */
  retag(server: SimulatedServer, tags: SimulatedServer['tags'], signal?: AbortSignal): Promise<void>
  remove(server: SimulatedServer, signal?: AbortSignal): Promise<void>
  /** Servers as status and list show them, those of one machine or all, after one call's time. */
  look(
    operation: 'status' | 'list' | 'delete' | 'leftovers',
    machineName: string | undefined,
    signal?: AbortSignal,
  ): Promise<readonly SimulatedServer[]>
  /** What belongs to no server. */
  readonly leftovers: SimulatedLeftovers
  script(failure: ScriptedFailure): void
  /** Whether the server that has come up will ever join. */
  willJoin(machineName: string): boolean
  onChange(listener: ServerListener): () => void
  /** A time of the settings, varied by their jitter. */
  span(milliseconds: number | undefined): number
}

/** Makes an empty cloud. All its waiting is on `clock`, all its variation from `random`. */
export function createSimulatedCloud(ports: SimulatedPorts, settings: SimulatedSettings = {}): SimulatedCloud {
  const script = createFailureScript(settings.failures)
  const leftovers = createLeftovers({ clock: ports.clock, random: ports.random.child('leftovers') })
  const span = (milliseconds = 0) => milliseconds * (1 + (settings.jitter ?? 0) * (2 * ports.random.fraction() - 1))
  const servers = createServers(ports, { settings, script, span })
  const gate = createGate(ports.clock, { settings, script, span })
  const answersEarly = settings.answersEarly === true
  const find = (wish: ServerWish, owned: Readonly<Record<string, string>>) =>
    servers.all(wish.machineName).find(({ state, tags }) => state !== 'deleting' && carries(tags, owned))
  return {
    servers: () => servers.all(),
    has: servers.has,
    peak: servers.peak,
    onChange: servers.onChange,
    calls: () => gate.calls,
    leftovers,
    script: script.add,
    span,
    willJoin: (machineName) => script.take('join', machineName, 'before') === undefined,
    create: async (wish, owned, signal) => {
      gate.enter('create', wish.machineName, signal, (kind) => leftovers.leave({ ...wish, kind }))
      leftovers.takeUp(wish.machineName, owned)
      const server = find(wish, owned) ?? servers.place(wish)
      server.tags = wish.tags
      await gate.pause(answersEarly ? settings.callMilliseconds : settings.createMilliseconds, signal)
      if (!answersEarly) servers.boot(server)
      gate.leave('create', wish.machineName)
      return server
    },
    duplicate: servers.place,
    initialize: async (server, signal) => {
      gate.enter('initialize', server.machineName, signal)
      await gate.pause(settings.callMilliseconds, signal)
      servers.need(server)
      server.initialized = true
      gate.leave('initialize', server.machineName)
    },
    retag: async (server, tags, signal) => {
      gate.enter('update', server.machineName, signal)
      await gate.pause(settings.callMilliseconds, signal)
      servers.need(server)
      server.tags = tags
      gate.leave('update', server.machineName)
    },
    remove: async (server, signal) => {
      servers.beginRemoval(server)
      await gate.pause(answersEarly ? settings.callMilliseconds : settings.deleteMilliseconds, signal)
      if (!answersEarly) servers.vanish(server)
      gate.leave('delete', server.machineName, (kind) => leftovers.leave({ ...server, kind }))
    },
    look: async (operation, machineName, signal) => {
      gate.enter(operation, machineName, signal)
      await gate.pause(operation === 'delete' ? 0 : settings.callMilliseconds, signal)
      return operation === 'delete' ? servers.all(machineName) : servers.visible(machineName)
    },
  }
}

/** Time and chance of a cloud. */
export interface SimulatedPorts {
  readonly clock: Clock
  readonly random: Random
}

/** Leaves something behind in the cloud. */
type Leave = (kind: LeftoverKind) => void

interface Rules {
  readonly settings: SimulatedSettings
  readonly script: FailureScript
  readonly span: (milliseconds: number | undefined) => number
}

/** What every call passes on its way in and out: counting, throttling, scripted failures, time. */
function createGate(clock: Clock, { settings, script, span }: Rules) {
  const calls: Record<string, number> = {}
  const admit = createThrottle(clock, settings.callsPerSecond)
  const strike = (
    operation: ScriptedOperation,
    machineName: string | undefined,
    when: 'before' | 'after',
    leave: Leave = () => {},
  ) => {
    const failure = script.take(operation, machineName, when)
    if (failure === undefined) return
    failure.leaves?.forEach(leave)
    if (failure.silent === true) return
    throw new Failure(failure.kind ?? 'Unavailable', failure.message ?? `${operation} was told to fail`)
  }
  return {
    calls,
    enter: (
      operation: ScriptedOperation,
      machineName: string | undefined,
      signal: AbortSignal | undefined,
      leave?: Leave,
    ) => {
      signal?.throwIfAborted()
      calls[operation] = (calls[operation] ?? 0) + 1
      admit()
      strike(operation, machineName, 'before', leave)
    },
    leave: (operation: ScriptedOperation, machineName: string, leave?: Leave) =>
      strike(operation, machineName, 'after', leave),
    pause: async (milliseconds: number | undefined, signal: AbortSignal | undefined) => {
      signal?.throwIfAborted()
      if (milliseconds !== undefined && milliseconds > 0) await clock.sleep(span(milliseconds), signal)
    },
  }
}

/** Servers by id and by machine: what is asked of one machine costs the same however many there are. */
function createRegister() {
  const byId = new Map<string, SimulatedServer>()
  const byMachine = new Map<string, readonly SimulatedServer[]>()
  const of = (machineName: string) => byMachine.get(machineName) ?? []
  return {
    /** Oldest first. */
    all: (machineName?: string) => (machineName === undefined ? [...byId.values()] : of(machineName)),
    count: () => byId.size,
    has: ({ id }: SimulatedServer) => byId.has(id),
    add: (server: SimulatedServer) => {
      byId.set(server.id, server)
      byMachine.set(server.machineName, [...of(server.machineName), server])
    },
    /** Whether it was there. */
    remove: ({ id, machineName }: SimulatedServer) => {
      const left = of(machineName).filter((server) => server.id !== id)
      if (left.length > 0) byMachine.set(machineName, left)
      else byMachine.delete(machineName)
      return byId.delete(id)
    },
  }
}

/** The servers themselves, and how they come and go in the course of time. */
function createServers({ clock, random }: SimulatedPorts, { settings, script, span }: Rules) {
  const servers = createRegister()
  const lately = new Map<string, { readonly server: SimulatedServer; readonly goneAt: number }>()
  const listeners = new Set<ServerListener>()
  const lag = settings.visibilityLagMilliseconds ?? 0
  let peak = 0
  let addresses = 0
  const tell: ServerListener = (server, change) => {
    for (const listener of listeners) listener(server, change)
  }
  const change = (server: SimulatedServer, state: SimulatedServer['state']) => {
    server.state = state
    server.changedAt = clock.now()
  }
  const boot = (server: SimulatedServer) => {
    if (server.state !== 'creating') return
    const failure = script.take('boot', server.machineName, 'before')
    if (failure !== undefined) server.failure = failure.message ?? 'the server was told not to boot'
    const state = failure === undefined ? 'running' : 'failed'
    change(server, state)
    tell(server, state)
  }
  const vanish = (server: SimulatedServer) => {
    if (!servers.remove(server)) return
    if (lag > 0) lately.set(server.id, { server, goneAt: clock.now() })
    tell(server, 'gone')
  }
  return {
    boot,
    vanish,
    all: servers.all,
    has: servers.has,
    /** What a cloud still shows of a server that is going or gone cannot be changed. */
    need: (server: SimulatedServer) => {
      if (!servers.has(server) || server.state === 'deleting')
        throw new Failure('NotFound', `the server ${server.id} of ${server.machineName} is gone`)
    },
    peak: () => peak,
    onChange: (listener: ServerListener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    beginRemoval: (server: SimulatedServer) => {
      if (server.state === 'deleting') return
      change(server, 'deleting')
      clock.setTimer(span(settings.deleteMilliseconds), () => vanish(server), { unref: true })
    },
    place: (wish: ServerWish): SimulatedServer => {
      if (settings.quota !== undefined) checkQuota(settings.quota, wish.machineType, servers.all())
      const now = clock.now()
      const initialized = settings.needsInitialization !== true
      const address = addressOf(addresses++)
      const id = `sim-${random.text(12)}`
      const server: SimulatedServer = {
        ...wish,
        id,
        address,
        createdAt: now,
        state: 'creating',
        initialized,
        changedAt: now,
      }
      servers.add(server)
      peak = Math.max(peak, servers.count())
      clock.setTimer(span(settings.createMilliseconds), () => boot(server), { unref: true })
      return server
    },
    visible: (machineName: string | undefined) => {
      const horizon = clock.now() - lag
      for (const [id, { goneAt }] of lately) if (goneAt <= horizon) lately.delete(id)
      const shown = servers.all(machineName).filter((server) => server.createdAt <= horizon)
      const gone = [...lately.values()].map(({ server }) => server)
      return [...shown, ...gone.filter((server) => machineName === undefined || server.machineName === machineName)]
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
