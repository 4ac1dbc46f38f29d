import type { CallOptions, MachineRequest, ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { describe as describeError, type Failure, isFailure } from '@trellis/foundation/failure'
import { addressesOf } from './addresses.ts'
import type { ComputeClient, Instance, Operation, Place } from './client.ts'
import { failureOfOperation } from './failures.ts'
import { isOwn, machineLabel } from './ownership.ts'
import type { GoogleProviderSpec } from './provider-spec.ts'

/** Name of the provider in machine classes. */
export const googleProvider = 'GCP'

const idPattern = /^gce:\/\/\/([^/]+)\/([^/]+)\/([^/]+)$/

/** Provider id of a server, as in `gce:///project/europe-west1-b/machine-a`: what the cloud controller and the kubelet call it too. */
export function providerIdOf(project: string, { zone, instance }: Place): string {
  return `gce:///${project}/${zone}/${instance}`
}

/** The place that a provider id names; undefined when it is none of this project. */
export function placeOfId(project: string, providerId: string): Place | undefined {
  const [, owner, zone, instance] = idPattern.exec(providerId) ?? []
  return owner === project && zone !== undefined && instance !== undefined ? { zone, instance } : undefined
}

/** Where the machine's server is, or is to be: an id that is known says it, as the zone of a class may have been edited since. */
export function placeOf(project: string, spec: GoogleProviderSpec, { machineName, providerId }: MachineRequest): Place {
  const known = providerId === undefined ? undefined : placeOfId(project, providerId)
  return known?.instance === machineName ? known : { zone: spec.zone, instance: machineName }
}

/** The server, if there is one; somebody else's of that name is none of the machine's. */
export async function findInstance(
  client: Pick<ComputeClient, 'getInstance'>,
  place: Place,
  tags: readonly string[],
  call?: CallOptions,
): Promise<Instance | undefined> {
  const found = await getInstance(client, place, call)
  return found !== undefined && isOwn(found.tags?.items ?? [], tags) ? found : undefined
}

/** The server of that name, whoever has it. */
export async function getInstance(
  client: Pick<ComputeClient, 'getInstance'>,
  place: Place,
  call?: CallOptions,
): Promise<Instance | undefined> {
  try {
    return await client.getInstance(place, call)
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined
    throw error
  }
}

/** How the last try to make a server of that name stands, when there is none to be seen. */
export type Attempt =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly operation: Operation }
  | { readonly kind: 'failed'; readonly operation: Operation; readonly failure: Failure }
  /** It was made, and is gone by now. */
  | { readonly kind: 'over'; readonly operation: Operation }

/** Reads the last attempt off the operations of a name, latest first: the cloud remembers them when this process does not. */
export function lastAttempt(operations: readonly Operation[]): Attempt {
  const operation = operations.find(({ operationType }) => operationType === 'insert' || operationType === 'delete')
  if (operation === undefined) return { kind: 'none' }
  if (operation.operationType === 'delete') return { kind: 'over', operation }
  if (operation.status !== 'DONE') return { kind: 'running', operation }
  const errors = operation.error?.errors ?? []
  return errors.length === 0
    ? { kind: 'over', operation }
    : { kind: 'failed', operation, failure: failureOfOperation(errors) }
}

/** What is said of a server. */
export function describeInstance(project: string, place: Place, instance: Instance): ProviderMachine {
  const state = stateOf(instance.status)
  const { statusMessage = '' } = instance
  return {
    providerId: providerIdOf(project, place),
    nodeName: place.instance,
    addresses: addressesOf(instance),
    state,
    ...(state === 'stopped' && statusMessage !== '' ? { reason: statusMessage } : {}),
    initialized: true,
  }
}

/** What is said of a server that cannot be seen yet, or never will be. */
export function describeAttempt(project: string, place: Place, failure?: Failure): ProviderMachine {
  return {
    providerId: providerIdOf(project, place),
    nodeName: place.instance,
    addresses: [{ type: 'Hostname', address: place.instance }],
    state: failure === undefined ? 'creating' : 'failed',
    ...(failure === undefined ? {} : { reason: describeError(failure) }),
    initialized: true,
  }
}

/** Servers stop by themselves: interruptible ones, and those that shut down from within. */
const stopped = ['PENDING_STOP', 'STOPPING', 'STOPPED', 'SUSPENDING', 'SUSPENDED', 'TERMINATED', 'DEPROVISIONING']

function stateOf(status: string): ProviderMachine['state'] {
  if (stopped.includes(status)) return 'stopped'
  return ['PENDING', 'PROVISIONING', 'STAGING'].includes(status) ? 'creating' : 'running'
}

/** The machine that a server stands for; those of other managers have no label that says it, but its name. */
export function machineNameOf({ labels, name }: Instance): string {
  return labels[machineLabel] ?? name
}

/** The last part of an address, as in `.../zones/europe-west1-b`. */
export function lastPart(address: string): string {
  return address.slice(address.lastIndexOf('/') + 1)
}
