import type { KubernetesObject, Resource } from '../meta.ts'
import type { CoreCondition, Quantities } from './common.ts'

/** A mark that keeps pods off a node unless they tolerate it. */
export interface NodeTaint {
  key: string
  value?: string
  effect: string
  timeAdded?: string
}

/** A condition of a node. */
export interface NodeStatusCondition extends CoreCondition {
  lastHeartbeatTime?: string
}

/** An address of a node. */
export interface NodeAddress {
  type: string
  address: string
}

/** A machine that runs pods. */
export interface Node extends KubernetesObject {
  spec?: {
    podCIDR?: string
    podCIDRs?: string[]
    providerID?: string
    unschedulable?: boolean
    taints?: NodeTaint[]
  }
  status?: {
    capacity?: Quantities
    allocatable?: Quantities
    conditions?: NodeStatusCondition[]
    addresses?: NodeAddress[]
    nodeInfo?: {
      kubeletVersion?: string
      bootID?: string
      machineID?: string
      systemUUID?: string
      kernelVersion?: string
      osImage?: string
      containerRuntimeVersion?: string
      architecture?: string
      operatingSystem?: string
    }
    volumesAttached?: { name: string; devicePath: string }[]
    volumesInUse?: string[]
  }
}

/** Where nodes are served. */
export const nodes: Resource<Node> = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false }
