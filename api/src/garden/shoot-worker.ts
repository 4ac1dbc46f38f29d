import { type Static, Type } from 'typebox'
import { taintSchema } from '../machine/common.ts'
import {
  choice,
  complete,
  duration,
  flag,
  int32,
  int64,
  list,
  mapOf,
  numberOrPercentage,
  optional,
  partial,
  raw,
  resourceList,
  rules,
  text,
  textMap,
} from '../schema-parts.ts'

/** Settings of a kubelet. */
export const kubeletSchema = partial('Settings of the kubelets.', {
  featureGates: mapOf('Features to switch on or off.', Type.Boolean()),
  maxPods: int32('How many pods a node may run.'),
  podPidsLimit: int64('How many processes a pod may have.'),
  evictionHard: textMap('Thresholds at which pods are evicted at once.'),
  kubeReserved: resourceList('Resources kept for the components of Kubernetes.'),
  systemReserved: resourceList('Resources kept for the system.'),
})
export type KubeletSettings = Static<typeof kubeletSchema>

const volumeFields = () => ({
  type: optional(text('A volume type of the cloud profile.')),
  size: text('Size of the volume, as in 50Gi.'),
  encrypted: optional(flag('Whether the cloud encrypts the volume; it does when absent, where it can.')),
})

/** A pool of equal nodes. */
export const workerSchema = complete(
  'A pool of equal nodes.',
  {
    name: text('Name of the pool, unique in the Shoot.'),
    machine: complete('The machine of each node.', {
      type: text('A machine type of the cloud profile.'),
      image: optional(
        complete('The machine image; the first one of the cloud profile when absent.', {
          name: text('Name of the image.'),
          version: optional(text('Version of the image; the newest when absent.')),
        }),
      ),
      architecture: optional(text('Architecture of the processor; amd64 when absent.')),
    }),
    minimum: int32('How many nodes the pool has at least, and to begin with.', { minimum: 0 }),
    maximum: int32('How many nodes the pool has at most.', { minimum: 0 }),
    maxSurge: optional(numberOrPercentage('How many nodes may be added while nodes are replaced; 1 when absent.')),
    maxUnavailable: optional(
      numberOrPercentage('How many nodes may be missing while nodes are replaced; 0 when absent.'),
    ),
    labels: optional(textMap('Labels of the nodes.')),
    annotations: optional(textMap('Annotations of the nodes.')),
    taints: optional(list('Taints of the nodes.', taintSchema)),
    zones: optional(list('Zones that the nodes are spread over.', Type.String())),
    kubernetes: optional(
      partial('Kubernetes on the nodes.', {
        version: text('Version of the kubelets; that of the control plane when absent.'),
        kubelet: kubeletSchema,
      }),
    ),
    machineControllerManager: optional(
      partial('How the machine controller treats the machines.', {
        machineDrainTimeout: duration('How long draining may take before it is forced.'),
        machineHealthTimeout: duration('How long a node may be unhealthy before it is replaced.'),
        machineCreationTimeout: duration('How long a machine may take to join before it is replaced.'),
        machineInPlaceUpdateTimeout: duration('How long an update in place may take.'),
        maxEvictRetries: int32('How often an eviction is tried before the pod is deleted.'),
        nodeConditions: list('Types of node conditions that must be False on a healthy node.', Type.String()),
      }),
    ),
    cri: optional(
      complete('The container runtime.', {
        name: choice('Name of the runtime.', ['containerd']),
      }),
    ),
    volume: optional(
      complete('The root volume.', {
        ...volumeFields(),
        name: optional(text('Name of the volume.')),
      }),
    ),
    dataVolumes: optional(
      list(
        'Further volumes of each machine, in the order in which they are attached.',
        complete('A further volume.', { name: text('Name of the volume, unique in the pool.'), ...volumeFields() }),
      ),
    ),
    providerConfig: optional(raw("The cloud's own settings of the machines.")),
  },
  rules({ rule: 'self.minimum <= self.maximum', message: 'maximum must be at least minimum' }),
)

/** A pool of equal nodes. */
export type Worker = Static<typeof workerSchema>
