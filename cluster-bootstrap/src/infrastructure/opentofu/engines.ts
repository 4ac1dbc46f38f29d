import type { Clock } from '@trellis/foundation/clock'
import { createGate } from '@trellis/foundation/gate'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import type { InfrastructureEngine } from '../engine.ts'
import type { OpenTofuCloud } from './cloud.ts'

/** Where the parts of OpenTofu are, as the configuration tells. */
export interface OpenTofuParts {
  /** Path of `tofu`. */
  readonly program: string
  /** Filesystem mirror of the providers. */
  readonly providersDirectory: string
  /** Directory with a folder for each module. */
  readonly modulesDirectory: string
}

/** The engine on OpenTofu for a provider type, one for all its shoots; undefined for a cloud that has no module. */
export type OpenTofuEngines = (type: string) => Promise<InfrastructureEngine> | undefined

/** What the engines work with. */
export interface OpenTofuEnginesOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** API server that keeps the states. */
  readonly seed: Client
}

/** Lives in memory, and is there in every container. */
const memoryDirectory = '/dev/shm'

/** Runs of OpenTofu at a time, for all clouds: each takes some 200 MiB. */
const runsAtATime = 2

const program = { graceMilliseconds: 60_000, settleMilliseconds: 15_000, parallelism: 10 }

type CloudPorts = Pick<OpenTofuEnginesOptions, 'clock' | 'random'>

const modules: Readonly<Record<string, (ports: CloudPorts) => Promise<OpenTofuCloud>>> = {
  aws: async (ports) => (await import('./clouds/connected-aws.ts')).connectedAws(ports),
  gcp: async ({ clock }) => (await import('./clouds/connected-gcp.ts')).connectedGcp({ clock }),
  openstack: async (ports) => (await import('./clouds/connected-openstack.ts')).connectedOpenStack(ports),
}

/** Makes the engines of all clouds that have a module; what one needs is loaded when it is first asked for. */
export function createOpenTofuEngines(options: OpenTofuEnginesOptions, parts: OpenTofuParts): OpenTofuEngines {
  const { clock, random, log, seed } = options
  const gate = createGate(runsAtATime)
  const made = new Map<string, Promise<InfrastructureEngine>>()
  const make = async (load: (ports: CloudPorts) => Promise<OpenTofuCloud>): Promise<InfrastructureEngine> => {
    const [cloud, { createOpenTofuInfrastructure }, { createOpenTofu }] = await Promise.all([
      load({ clock, random }),
      import('./engine.ts'),
      import('./program.ts'),
    ])
    const tofu = createOpenTofu({ clock, program: parts.program, ...program })
    return createOpenTofuInfrastructure({
      ...{ clock, random, log, gate, tofu, cloud, memoryDirectory },
      client: seed,
      modulesDirectory: parts.modulesDirectory,
      providersDirectory: parts.providersDirectory,
    })
  }
  return (type) => {
    const load = Object.hasOwn(modules, type) ? modules[type] : undefined
    if (load === undefined) return undefined
    const engine = made.get(type) ?? make(load)
    made.set(type, engine)
    return engine
  }
}
