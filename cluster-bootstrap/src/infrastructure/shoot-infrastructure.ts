import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { defaultShootNetworks } from '@trellis/api/garden/networks'
import type { Shoot } from '@trellis/api/garden/shoot'
import { cloudProfileNameOf } from '@trellis/api/validation/shoot'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import type { CloudConnection, ShootCloud } from '../clouds/cloud.ts'
import type { CloudConnections } from '../clouds/connections.ts'
import { readCredentials } from '../clouds/credentials.ts'
import { createHeldCredentials } from '../clouds/held-credentials.ts'
import type { SecretData } from '../secrets/secret-store.ts'
import { chooseEngine } from './choose-engine.ts'
import type { InfrastructureEngine, InfrastructureOutputs, InfrastructureRequest } from './engine.ts'
import type { OpenTofuEngines } from './opentofu/engines.ts'
import { createInfrastructureState } from './state.ts'

/** How a task runs: it may be called off, and tells what it waits for. */
export type TaskRun = Pick<InfrastructureRequest, 'signal' | 'note'>

/** A shoot's account and infrastructure at its cloud, whichever that is. */
export interface ShootInfrastructure {
  /** What the control namespace is told of the account; read afresh each time. See `readCredentials` for what it throws. */
  credentials(): Promise<SecretData>
  connection(): Promise<CloudConnection>
  /** Brings the infrastructure up to the Shoot; what machines need to know of it. From before anything is made on, the credentials cannot vanish. */
  apply(run: TaskRun): Promise<InfrastructureOutputs>
  /** Takes it down; done at once when it was never begun and there are no credentials. */
  destroy(run: TaskRun): Promise<void>
  /** Lets the credentials go, which nothing needs any more. */
  release(): Promise<void>
}

/** What is needed to work on it. */
export interface ShootInfrastructureOptions {
  readonly garden: Client
  readonly connections: CloudConnections
  readonly cloud: ShootCloud
  readonly shoot: Shoot
  readonly technicalId: string
  /** The seed's own credentials for the cloud that it runs on. */
  readonly seedCredentials: SecretData
  /** Ranges that the Shoot has or is to have. */
  readonly networks: InfrastructureRequest['networks']
  /** Undefined where this seed is not configured for OpenTofu. */
  readonly openTofu: OpenTofuEngines | undefined
}

/** Binds a Shoot to the engine of its cloud. Identifiers go to and come from its status. */
export function createShootInfrastructure(options: ShootInfrastructureOptions): ShootInfrastructure {
  const { garden, connections, cloud, shoot, seedCredentials } = options
  const state = createInfrastructureState(garden, shoot)
  const openTofu = options.openTofu?.of(cloud.type)
  const isForNewOnes = openTofu !== undefined && options.openTofu?.forNewShoots === true
  const engineName = chooseEngine(shoot, isForNewOnes ? 'opentofu' : 'sdk')
  const held = createHeldCredentials(options)
  // A rejection is met where the engine is used.
  openTofu?.catch(() => {})

  /** Undefined when the profile is gone, as it may be while a Shoot goes. */
  async function providerConfig(): Promise<unknown> {
    const name = cloudProfileNameOf(shoot)
    const profile = name === undefined ? undefined : await garden.find(cloudProfiles, { name })
    return profile?.spec.providerConfig
  }
  const credentialsWith = (profile: unknown) =>
    readCredentials({ garden, seedCredentials }, cloud, shoot, { providerConfig: profile, region: shoot.spec.region })
  const connectionWith = (profile: unknown) => connections.open(cloud, cloud.endpoints(profile))
  async function engineWith(profile: unknown): Promise<InfrastructureEngine> {
    if (engineName === 'sdk') return (await connectionWith(profile)).engine
    if (Object.keys(cloud.endpoints(profile)).length > 0) {
      // The provider would carry the account's credentials to the public cloud instead.
      throw new Failure('Invalid', 'OpenTofu reaches the cloud at its own addresses only', {
        field: 'spec.providerConfig.endpoints',
        remedy: 'use a seed without OpenTofu for this CloudProfile',
      })
    }
    if (openTofu !== undefined) return openTofu
    throw new Failure('Unavailable', 'OpenTofu made the infrastructure of this shoot, and this seed has no OpenTofu', {
      remedy: 'set infrastructure in the configuration of cluster-bootstrap again',
    })
  }
  const request = (secret: SecretData, profile: unknown, { signal, note }: TaskRun): InfrastructureRequest => ({
    technicalId: options.technicalId,
    region: shoot.spec.region,
    zones: zonesOf(shoot),
    networks: options.networks,
    configuration: cloud.infrastructureConfig(shoot.spec.provider.infrastructureConfig, profile),
    secret,
    state: state.current(),
    save: state.save,
    signal,
    note,
  })
  return {
    credentials: async () => credentialsWith(await providerConfig()),
    connection: async () => connectionWith(await providerConfig()),
    apply: async (run) => {
      const profile = await providerConfig()
      const [secret, engine] = await Promise.all([credentialsWith(profile), engineWith(profile)])
      await held.hold()
      await state.begin(engineName)
      const outputs = await engine.apply(request(secret, profile, run))
      await held.letGoOfOthers()
      return { ...outputs, ...cloud.identifiers(secret) }
    },
    destroy: async (run) => {
      const profile = await providerConfig()
      const secret = await credentialsWith(profile).catch((error: unknown) => {
        // Without credentials nothing was made, and a Shoot that never had any must not need them to go.
        if (isFailure(error, 'Unavailable') && !state.mayHaveBegun()) return undefined
        throw error
      })
      if (secret === undefined) return
      const engine = await engineWith(profile)
      await engine.destroy(request(secret, profile, run))
    },
    release: () => held.letGo(),
  }
}

/** Zones that workers are to be in, without repeats. */
function zonesOf({ spec }: Shoot): readonly string[] {
  return [...new Set((spec.provider.workers ?? []).flatMap(({ zones }) => zones ?? []))]
}

/** The ranges that a Shoot was grown with, as its status tells them; what it asks for where that says nothing. */
export function grownNetworks({ spec, status }: Shoot): InfrastructureRequest['networks'] {
  const range = (kind: 'nodes' | 'pods' | 'services') =>
    status?.networking?.[kind]?.[0] ?? spec.networking?.[kind] ?? defaultShootNetworks[kind]
  return { nodes: range('nodes'), pods: range('pods'), services: range('services') }
}
