import {
  bootstrapTokenPlaceholder,
  machineNamePlaceholder,
  type NodeAgentConfiguration,
} from '@trellis/api/node-agent-configuration'
import { type AgentDownload, renderUserData } from '@trellis/api/user-data'
import { Failure } from '@trellis/foundation/failure'
import type { CloudMachines } from '../clouds/cloud.ts'
import { type Blueprint, clusterDomain, frontDoorUrl, type PoolBlueprint } from './blueprint.ts'

/** Label of nodes that names their pool. */
export const poolLabel = 'worker.gardener.cloud/pool'

const defaultMaxPods = 110

/** What user-data needs beside the blueprint. */
export interface UserDataInputs {
  readonly frontDoor: string
  /** PEM of the authority by which the API server proves itself. */
  readonly certificateAuthority: string
  readonly images: Readonly<Record<string, string>>
  /** Where machines get the agent from; undefined when their images bring it. */
  readonly agent: AgentDownload | undefined
}

/** What names the nodes of a pool in a zone, and where they are as far as their cloud has zones. */
export interface NodePlace extends Pick<CloudMachines, 'providerId' | 'nodeName'> {
  readonly labels: Readonly<Record<string, string>>
}

/** What the node agent of a pool's machines is told; name and token are filled in by the machine controller. */
export function nodeAgentConfiguration(
  { networks }: Blueprint,
  { worker }: PoolBlueprint,
  place: NodePlace,
  inputs: UserDataInputs,
): NodeAgentConfiguration {
  const sandbox = inputs.images.pause
  if (sandbox === undefined) {
    throw new Failure('Invalid', 'there is no image pause', {
      field: 'images.pause',
      remedy: 'add it to the configuration',
    })
  }
  const { kubelet } = worker.kubernetes ?? {}
  const { maxPods, ...settings } = kubelet ?? {}
  return {
    version: 1,
    role: 'worker',
    machineName: machineNamePlaceholder,
    ...(place.nodeName === undefined ? {} : { nodeName: place.nodeName }),
    // Labels of the user are not for the kubelet: it may not give itself all of them, the machine controller may.
    nodeLabels: { [poolLabel]: worker.name, ...place.labels },
    nodeTaints: (worker.taints ?? []).map(({ key, value, effect }) => ({
      key,
      effect,
      ...(value === undefined ? {} : { value }),
    })),
    providerId: place.providerId,
    clusterDns: [networks.clusterDns],
    clusterDomain,
    maxPods: maxPods ?? defaultMaxPods,
    ...(Object.keys(settings).length === 0 ? {} : { kubeletExtra: settings }),
    images: { sandbox },
    worker: {
      apiServer: frontDoorUrl(inputs.frontDoor),
      caBundle: inputs.certificateAuthority,
      bootstrapToken: bootstrapTokenPlaceholder,
    },
  }
}

/** User-data of a pool's machines, with placeholders. Throws `Invalid` that names the pool when it is too long. */
export function poolUserData(
  blueprint: Blueprint,
  pool: PoolBlueprint,
  place: NodePlace,
  inputs: UserDataInputs,
): string {
  const { agent } = inputs
  try {
    const configuration = nodeAgentConfiguration(blueprint, pool, place, inputs)
    return renderUserData(configuration, agent === undefined ? {} : { agent })
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.kind, `worker pool ${pool.name}: ${error.message}`, {
      cause: error,
      field: 'spec.provider.workers',
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    })
  }
}
