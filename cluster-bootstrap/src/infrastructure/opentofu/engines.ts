import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { createGate } from '@trellis/foundation/gate'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import type { EngineName } from '../choose-engine.ts'
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

/** What the configuration says of OpenTofu. */
export interface OpenTofuSettings extends OpenTofuParts {
  /** Engine of new shoots. */
  readonly engine: EngineName
}

/** The engines on OpenTofu of a seed. */
export interface OpenTofuEngines {
  /** Whether new shoots get them; else only those do that they began. */
  readonly forNewShoots: boolean
  /** The engine for a provider type, one for all its shoots; undefined for a cloud that has no module, or whose provider is not in the mirror. */
  of(type: string): Promise<InfrastructureEngine> | undefined
}

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

/** A cloud that has a module. */
interface Module {
  /** Address of its provider at the registry that OpenTofu asks unless told; mirrors have a folder of that name. */
  readonly provider: string
  load(ports: CloudPorts): Promise<OpenTofuCloud>
}

const modules: Readonly<Record<string, Module>> = {
  aws: {
    provider: 'hashicorp/aws',
    load: async (ports) => (await import('./clouds/connected-aws.ts')).connectedAws(ports),
  },
  gcp: {
    provider: 'hashicorp/google',
    load: async ({ clock }) => (await import('./clouds/connected-gcp.ts')).connectedGcp({ clock }),
  },
  openstack: {
    provider: 'terraform-provider-openstack/openstack',
    load: async (ports) => (await import('./clouds/connected-openstack.ts')).connectedOpenStack(ports),
  },
}

/** Host of that registry. */
const registry = 'registry.opentofu.org'

/** Makes the engines of all clouds that have a module; what one needs is loaded when it is first asked for. */
export function createOpenTofuEngines(
  options: OpenTofuEnginesOptions,
  { engine: engineOfNewShoots, ...parts }: OpenTofuSettings,
): OpenTofuEngines {
  const { clock, random, log, seed } = options
  const gate = createGate(runsAtATime)
  const made = new Map<string, Promise<InfrastructureEngine>>()
  const make = async ({ load }: Module): Promise<InfrastructureEngine> => {
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
  return {
    forNewShoots: engineOfNewShoots === 'opentofu',
    of: (type) => {
      const module = Object.hasOwn(modules, type) ? modules[type] : undefined
      if (module === undefined || !existsSync(join(parts.providersDirectory, registry, module.provider))) {
        return undefined
      }
      const engine = made.get(type) ?? make(module)
      made.set(type, engine)
      return engine
    },
  }
}
