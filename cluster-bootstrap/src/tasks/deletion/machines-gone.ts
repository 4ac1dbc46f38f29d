import { secrets } from '@trellis/api/core/configuration'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { machineFinalizers, machineLabels } from '@trellis/api/machine/well-known'
import { type KubernetesObject, keyOf, type Resource } from '@trellis/api/meta'
import type { Task } from '@trellis/flow/task'
import { isFailure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { waitUntilGone } from '../../wait.ts'
import { type DeletionServices, patiently, waitLimitMilliseconds } from '../services.ts'

/**
 * How long the machine controller gets where servers go with the network, which is taken down whole: after that its objects are let go without it.
 * Elsewhere nobody but it knows the servers, so it gets the whole time of the task, and the task is tried again.
 */
const machineControllerMilliseconds = 90_000

/** Deletes all machines without draining them, since everything that runs on them goes too, and waits until they are gone. */
export const machinesGone: Task<DeletionServices> = {
  id: 'machines-gone',
  dependsOn: [],
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async ({ services, signal, note }) => {
    const { seed, identity } = services
    const namespace = identity.technicalId
    // From the top down, so that nobody replaces what is deleted below.
    await deleteAll(seed, machineDeployments, namespace)
    await deleteAll(seed, machineSets, namespace)
    for (const machine of await listAll(seed, machines, namespace)) await dispose(seed, machine)
    const kinds = [machines, machineSets, machineDeployments] as readonly Resource<KubernetesObject>[]
    await goneOrLetGo(services, kinds, signal, note)
  },
}

/** Deletes the machine classes, which their controller keeps as long as machines use them, and waits until nobody holds their secrets. */
export const machineClassesGone: Task<DeletionServices> = {
  id: 'machine-classes-gone',
  dependsOn: ['machines-gone'],
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async ({ services, signal, note }) => {
    const { seed, identity } = services
    await deleteAll(seed, machineClasses, identity.technicalId)
    await goneOrLetGo(services, [machineClasses] as readonly Resource<KubernetesObject>[], signal, note)
    for (const secret of await listAll(seed, secrets, identity.technicalId)) {
      await dropFinalizers(seed, secrets, secret, [machineFinalizers.secret])
    }
  },
}

async function dispose(seed: Client, machine: Machine): Promise<void> {
  const patch = { metadata: { labels: { [machineLabels.forceDeletion]: 'True' } } }
  try {
    await seed.patch(machines, keyOf(machine), patch)
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
  }
  await seed.delete(machines, keyOf(machine))
}

async function goneOrLetGo(
  { clock, seed, identity, cloud }: DeletionServices,
  kinds: readonly Resource<KubernetesObject>[],
  parent: AbortSignal,
  note: (text: string) => void,
): Promise<void> {
  const late = new AbortController()
  const timer = cloud.serversGoWithNetwork
    ? clock.setTimer(machineControllerMilliseconds, () => late.abort())
    : undefined
  const signal = AbortSignal.any([parent, late.signal])
  const selection = { namespace: identity.technicalId }
  try {
    for (const resource of kinds) await waitUntilGone({ client: seed, resource, selection, signal, note })
  } catch (error) {
    if (isFailure(error, 'NotFound')) return
    if (parent.aborted || !late.signal.aborted) throw error
    for (const resource of kinds) {
      for (const object of await listAll(seed, resource, identity.technicalId)) {
        await dropFinalizers(seed, resource, object, object.metadata.finalizers ?? [])
      }
    }
  } finally {
    timer?.cancel()
  }
}

async function dropFinalizers<Kind extends KubernetesObject>(
  client: Client,
  resource: Resource<Kind>,
  object: Kind,
  unwanted: readonly string[],
): Promise<void> {
  const present = object.metadata.finalizers ?? []
  const finalizers = present.filter((one) => !unwanted.includes(one))
  if (finalizers.length === present.length) return
  try {
    await client.patch(resource, keyOf(object), { metadata: { finalizers } })
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
  }
}

async function deleteAll<Kind extends KubernetesObject>(
  client: Client,
  resource: Resource<Kind>,
  namespace: string,
): Promise<void> {
  for (const object of await listAll(client, resource, namespace)) await client.delete(resource, keyOf(object))
}

/** All objects of a kind; none when the seed does not know the kind. */
async function listAll<Kind extends KubernetesObject>(
  client: Client,
  resource: Resource<Kind>,
  namespace: string,
): Promise<readonly Kind[]> {
  try {
    return (await client.list(resource, { namespace })).items
  } catch (error) {
    if (isFailure(error, 'NotFound')) return []
    throw error
  }
}
