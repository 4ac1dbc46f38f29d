import type { NodeAgentConfiguration } from '@trellis/api/node-agent-configuration'
import type { HostFacts } from './host-facts.ts'

/** What follows from a machine's nature for the programs that run on it. */
export interface HostSettings {
  readonly cgroupDriver: 'systemd' | 'cgroupfs'
  /** containerd: never ask for a lower oom score than its own. */
  readonly restrictOomScoreAdjustment: boolean
  /** kubelet: pass over what a container may not set (oom scores, sysctls). */
  readonly userNamespaceKubelet: boolean
  /** kubelet: run on cgroup v1, which it refuses otherwise. */
  readonly cgroupV1: boolean
  /** Whether node allocatable can be enforced by a cgroup of the kubelet's. */
  readonly enforceAllocatable: boolean
  /** Whether units may ask for limits and oom scores beyond their inheritance. */
  readonly raisedLimits: boolean
  /** Memory that pods cannot have: what the machine reserves, and what the kernel claims beyond the machine's limit. */
  readonly reservedMemoryMebibytes: number
  /** Whether the sysctls of connection tracking belong to somebody else. */
  readonly sharedConnectionTracking: boolean
}

/** Memory for systemd, containerd, kubelet and this agent. */
const machineReserveMebibytes = 200

/** Decides from the facts alone; `features` of the configuration overrule what the facts say. */
export function decideHostSettings(facts: HostFacts, features: NodeAgentConfiguration['features'] = {}): HostSettings {
  const restricted = facts.container || !facts.initialUserNamespace || !facts.sysResource
  const unreachableBytes = facts.totalMemoryBytes - (facts.memoryLimitBytes ?? facts.totalMemoryBytes)
  return {
    cgroupDriver: restricted ? 'cgroupfs' : 'systemd',
    restrictOomScoreAdjustment: !facts.sysResource || !facts.initialUserNamespace,
    userNamespaceKubelet: features.userNamespaceKubelet ?? restricted,
    cgroupV1: features.cgroupV1 ?? facts.cgroupVersion === 1,
    enforceAllocatable: !restricted,
    raisedLimits: facts.sysResource && facts.initialUserNamespace,
    reservedMemoryMebibytes: machineReserveMebibytes + Math.ceil(unreachableBytes / 2 ** 20),
    sharedConnectionTracking: restricted,
  }
}
