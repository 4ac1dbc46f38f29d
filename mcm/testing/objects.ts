import type { Node, NodeStatusCondition } from '@trellis/api/core/node'
import type { Pod } from '@trellis/api/core/pod'
import { machineApiVersion } from '@trellis/api/machine/common'
import type { Machine, MachinePhase, MachineStatus } from '@trellis/api/machine/machine'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import type { ObjectMeta } from '@trellis/api/meta'
import { success } from '@trellis/foundation/result'
import type { MachineObservation } from '../src/machine/observation.ts'
import { quickSettings } from './rig.ts'

/** The instant that tests begin at, and as text. */
export const epoch = Date.UTC(2026, 0, 1)

/** An instant some seconds after {@link epoch}, as Kubernetes writes it. */
export function at(seconds: number): string {
  return new Date(epoch + seconds * 1000).toISOString().replace('.000Z', 'Z')
}

/** A machine in a phase, made at {@link epoch}. */
export function machineIn(
  phase: MachinePhase,
  changes: {
    readonly metadata?: Partial<ObjectMeta>
    readonly spec?: Machine['spec']
    readonly status?: MachineStatus
  } = {},
): Machine {
  const name = changes.metadata?.name ?? 'machine-a'
  return {
    apiVersion: machineApiVersion,
    kind: 'Machine',
    metadata: {
      name,
      namespace: 'ns',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: at(0),
      finalizers: ['machine.sapcloud.io/machine-controller-manager'],
      ...changes.metadata,
    },
    spec: { class: { kind: 'MachineClass', name: 'small' }, ...changes.spec },
    status: {
      ...(phase === '' ? {} : { currentStatus: { phase, lastUpdateTime: at(0) } }),
      ...changes.status,
    },
  }
}

/** A machine whose server was made. */
export function launched(phase: MachinePhase, changes: Parameters<typeof machineIn>[1] = {}): Machine {
  const name = changes.metadata?.name ?? 'machine-a'
  return machineIn(phase, {
    ...changes,
    metadata: { labels: { node: name, name: 'pool' }, ...changes.metadata },
    spec: { providerID: `simulated:///r/${name}`, class: { kind: 'MachineClass', name: 'small' }, ...changes.spec },
  })
}

/** A node with a Ready condition. */
export function nodeThat(ready: 'True' | 'False' | 'Unknown', changes: Partial<Node> = {}): Node {
  const conditions: NodeStatusCondition[] = [
    { type: 'Ready', status: ready, reason: 'Kubelet', message: 'says the kubelet', lastTransitionTime: at(0) },
  ]
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'machine-a', resourceVersion: '1', uid: 'node-uid' },
    spec: {},
    status: { conditions },
    ...changes,
  }
}

/** A class of the simulated cloud with its finalizer. */
export function preparedClass(name = 'small'): MachineClass {
  return {
    apiVersion: machineApiVersion,
    kind: 'MachineClass',
    metadata: {
      name,
      namespace: 'ns',
      resourceVersion: '7',
      finalizers: ['machine.sapcloud.io/machine-controller-manager'],
    },
    provider: 'simulated',
    providerSpec: {},
    secretRef: { name: 'secret', namespace: 'ns' },
  }
}

/** An observation of a machine whose class is fine and whose target is known since {@link epoch}. */
export function observationOf(machine: Machine, changes: Partial<MachineObservation> = {}): MachineObservation {
  return {
    machine,
    settings: { ...quickSettings, disableHealthTimeout: false },
    classView: success({
      machineClass: preparedClass(),
      settings: { providerSpec: {}, secret: { userData: '' } },
      version: '7/1',
    }),
    target: { kind: 'known', since: epoch },
    node: undefined,
    report: undefined,
    tokenSecret: undefined,
    ...changes,
  }
}

/** A pod of a node. */
export function podNamed(
  name: string,
  changes: { readonly metadata?: Partial<ObjectMeta>; readonly phase?: string } = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, ...changes.metadata },
    status: { phase: changes.phase ?? 'Running' },
  }
}

/** A set that wants that many machines. */
export function setOf(
  replicas: number,
  changes: { readonly metadata?: Partial<ObjectMeta>; readonly spec?: MachineSet['spec'] } = {},
): MachineSet {
  return {
    apiVersion: machineApiVersion,
    kind: 'MachineSet',
    metadata: {
      name: 'set',
      namespace: 'ns',
      uid: 'uid-set',
      resourceVersion: '1',
      creationTimestamp: at(0),
      finalizers: ['machine.sapcloud.io/machine-controller-manager'],
      ...changes.metadata,
    },
    spec: {
      replicas,
      selector: { matchLabels: { pool: 'a' } },
      template: { metadata: { labels: { pool: 'a' } }, spec: { class: { kind: 'MachineClass', name: 'small' } } },
      ...changes.spec,
    },
  }
}

/** A machine that a set owns. */
export function ownedBy(set: MachineSet, machine: Machine): Machine {
  const { name, uid = '' } = set.metadata
  const owner = {
    apiVersion: machineApiVersion,
    kind: 'MachineSet',
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  }
  return {
    ...machine,
    metadata: { ...machine.metadata, labels: { pool: 'a', ...machine.metadata.labels }, ownerReferences: [owner] },
  }
}

/** A machine of a set without size, launched and in that phase, with a node of its own name. */
export function member(
  name: string,
  phase: MachinePhase = 'Running',
  metadata: Partial<Machine['metadata']> = {},
): Machine {
  return ownedBy(
    setOf(0),
    launched(phase, { metadata: { name, uid: `uid-${name}`, labels: { node: name }, ...metadata } }),
  )
}
