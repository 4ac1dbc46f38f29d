import type { MachineHost, MachineRequest } from '../src/machine-host.ts'

/** Machines that exist in memory only. */
export interface FakeMachines extends MachineHost {
  /** Ids of the machines that run. */
  running(): readonly string[]
  /** Names of the machines that were started, in order; a repeat for a machine that runs is not counted. */
  readonly started: readonly string[]
  /** How many starts were asked for. */
  attempts: number
  /** Ends a machine as if by itself. */
  die(serverId: string): void
  /** What the next starts throw; undefined lets them succeed. */
  failStart: unknown
  /** What the next destructions throw; undefined lets them succeed. */
  failDestroy: unknown
  /** Starts wait for it. */
  gate: Promise<void>
}

/** Makes a host of machines in memory. Their processes have ids that no process of a real host has. */
export function createFakeMachines(): FakeMachines {
  const machines = new Map<string, { pid: number; startTicks: string }>()
  const started: string[] = []
  let nextPid = 2 ** 30
  const fake: FakeMachines = {
    started,
    attempts: 0,
    failStart: undefined,
    failDestroy: undefined,
    gate: Promise.resolve(),
    running: () => [...machines.keys()],
    die: (serverId) => void machines.delete(serverId),
    prepare: async () => {},
    start: async (request: MachineRequest) => {
      fake.attempts++
      await fake.gate
      if (fake.failStart !== undefined) throw fake.failStart
      const present = machines.get(request.serverId)
      if (present !== undefined) return present
      started.push(request.name)
      const process = { pid: nextPid++, startTicks: '1' }
      machines.set(request.serverId, process)
      return process
    },
    find: async (serverId) => machines.get(serverId),
    destroy: async (serverId) => {
      if (fake.failDestroy !== undefined) throw fake.failDestroy
      machines.delete(serverId)
    },
    console: async (serverId, lines) => `${lines} lines of ${serverId}\n`,
    boundConsole: async () => {},
  }
  return fake
}
