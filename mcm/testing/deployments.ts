import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment, MachineDeploymentSpec } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { newSetOf } from '../src/machine-deployment/new-set.ts'
import type { SetView } from '../src/machine-deployment/sets-view.ts'
import { at, launched } from './objects.ts'
import { deploymentOf } from './rig.ts'

const namespace = 'ns'

/** A set and its machines. */
export type Sized = readonly [MachineSet, readonly Machine[]]

/** A deployment that is protected already. */
export function deployment(
  replicas: number,
  spec: Partial<MachineDeploymentSpec> = {},
  changes: Partial<MachineDeployment> = {},
): MachineDeployment {
  const base = deploymentOf(namespace, 'pool', replicas, spec)
  return {
    ...base,
    ...changes,
    metadata: {
      ...base.metadata,
      uid: 'uid-pool',
      resourceVersion: '1',
      generation: 1,
      finalizers: ['machine.sapcloud.io/machine-controller-manager'],
      ...changes.metadata,
    },
  }
}

/** The set that a deployment would make, as if it had been made `age` seconds after the epoch. */
export function setFor(owner: MachineDeployment, replicas: number, age = 0): MachineSet {
  const set = newSetOf(owner, [], replicas)
  return {
    ...set,
    metadata: { ...set.metadata, uid: `uid-${set.metadata.name}`, resourceVersion: '1', creationTimestamp: at(age) },
  }
}

/** That many running machines of a set, and others. */
export function members(set: MachineSet, running: number, others: readonly Machine[] = []): readonly Machine[] {
  return [
    ...Array.from({ length: running }, (_, index) =>
      launched('Running', { metadata: { name: `${set.metadata.name}-${index}` } }),
    ),
    ...others,
  ]
}

/** A set, counted. */
export function view(
  name: string,
  wanted: number,
  available = wanted,
  existing = Math.max(wanted, available),
  age = 0,
): SetView {
  const set = { ...setFor(deployment(1), wanted, age) }
  return {
    set: { ...set, metadata: { ...set.metadata, name } },
    name,
    wanted,
    available,
    ready: available,
    present: existing,
    coming: 0,
    existing,
    chosen: 0,
    machines: [],
  }
}
